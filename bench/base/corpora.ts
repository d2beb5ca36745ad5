/**
 * The dialogues that the base voice learns from: what each corpus is, under which licence, and what has to be put right
 * before its text is what people type. Cleaning that any dialogue needs is src/dataset/clean.ts.
 */
import { partsOf, type Dialogue } from './dialogue.ts';
import { disentangle } from './irc.ts';

export interface Corpus {
  /** name of its file, without `.jsonl.gz` */
  name: string;
  title: string;
  licence: string;
  source: string;
  /** who has to be named */
  attribution: string;
  prepare(dialogues: Dialogue[]): Dialogue[];
}

/** Apollo 13 is a persona to measure on; its capsule communicators' words in other missions would tell too much of it. */
export const capcomChat = 'a13-TEC';
export const capcomSpeaker = 'CC';

export const corpora: readonly Corpus[] = [
  {
    name: 'self_dialogue',
    title: 'Self-dialogue Corpus',
    licence: 'BSD 3-Clause',
    source: 'jfainberg/self_dialogue_corpus',
    attribution:
      'Fainberg, Krause, Dobre, Damonte, Kahembwe, Duma, Webber, Fancellu 2018; Krause et al. 2017; University of Edinburgh',
    prepare: (dialogues) => dialogues,
  },
  {
    name: 'ubuntu_irc',
    title: 'Ubuntu IRC, from the IRC disentanglement corpus',
    licence: 'CC BY 4.0',
    source: 'jkkummerfeld/irc-disentanglement',
    attribution:
      'Kummerfeld, Gouravajhala, Peper, Athreya, Gunasekara, Ganhotra, Patel, Polymenakos, Lasecki, ACL 2019; the people of #ubuntu',
    prepare: (logs) => logs.flatMap(disentangle),
  },
  {
    name: 'star',
    title: 'STAR: Schema-guided Dialog Dataset for Transfer Learning',
    licence: 'MIT',
    source: 'RasaHQ/STAR',
    attribution: 'Mosig, Mehri, Kober 2020; Rasa Technologies',
    prepare: (dialogues) => dialogues,
  },
  {
    name: 'nasa_airtoground',
    title: 'NASA air-to-ground transcripts',
    licence: 'public domain (US government)',
    source: 'Spacelog/Spacelog',
    attribution: 'NASA; cleaned by the Spacelog project',
    prepare: (missions) =>
      missions
        .filter(({ id }) => id !== capcomChat)
        .flatMap((mission) =>
          conversationsOfMission({ ...mission, turns: mission.turns.filter(({ s }) => s !== capcomSpeaker) }),
        ),
  },
  {
    name: 'synthetic_persona_chat',
    title: 'Synthetic-Persona-Chat',
    licence: 'CC BY 4.0',
    source: 'google-research-datasets/Synthetic-Persona-Chat',
    attribution: 'Jandaghi, Sheng, Bai, Pujara, Sidahmed 2023; Google Research',
    // a blank that its generator left open
    prepare: (dialogues) =>
      dialogues.filter(({ turns }) => !turns.some(({ t }) => /[[(][a-z ]*name[a-z ]*[\])]/i.test(t))),
  },
  {
    name: 'xpersona_en',
    title: 'XPersona, English part (Persona-Chat)',
    licence: 'MIT',
    source: 'HLTCHKUST/Xpersona',
    attribution: 'Lin, Liu, Winata, Cahyawijaya, Madotto, Bang, Ishii, Fung 2020; HKUST',
    prepare: (dialogues) =>
      dialogues.map(({ id, turns }) => ({
        id,
        turns: turns.filter(({ t }) => t !== '__SILENCE__').map((turn) => ({ ...turn, t: withoutTokenSpaces(turn.t) })),
      })),
  },
  {
    name: 'taskmaster4',
    title: 'Taskmaster-4',
    licence: 'CC BY 4.0',
    source: 'google-research-datasets/Taskmaster',
    attribution: 'Google Research',
    prepare: (dialogues) => dialogues,
  },
];

/** `so , are you ? i . . .` -> `so, are you? i...` */
function withoutTokenSpaces(text: string): string {
  return text
    .replaceAll(/ ([.,!?;:])(?=[\s.,!?;:]|$)/g, '$1')
    .replaceAll(/ ([.,!?;:])(?=[\s.,!?;:]|$)/g, '$1')
    .replaceAll(/\s+/g, ' ');
}

/** A mission is days of talk: parts of at most this many turns, so that a held-out part is one of many. */
const turnsOfPart = 40;

function conversationsOfMission(mission: Dialogue): Dialogue[] {
  return partsOf(mission, turnsOfPart).map(({ id, turns }) => ({
    id,
    turns: turns.filter(({ t }) => !/^[\s.(-]*$/.test(t)),
  }));
}
