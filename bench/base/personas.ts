/**
 * Personas to measure on, from dialogues that the base never learned from.
 * - `capcom`: Apollo 13's capsule communicator, the whole mission held out;
 * - `capcoms`: those of all missions, whose words are held out everywhere; Apollo 13 comes last, so the test is of it. The
 *   only one with far more than 10,000 messages that are unlike what the base has read;
 * - `ubuntu`: one helper of #ubuntu, with everybody else in the logs that hold a message of theirs;
 * - `self`: speaker B of every twelfth dialogue of the Self-dialogue Corpus; many hands, one task;
 * - `xpersona`: speaker B of every fifth dialogue of Persona-Chat.
 */
import { createHash } from 'node:crypto';
import { capcomChat, capcomSpeaker } from './corpora.ts';
import { partsOf, type Dialogue } from './dialogue.ts';

export interface Persona {
  name: string;
  /** whose dialogues it is made of */
  corpus: string;
  /** `s` of the persona's turns */
  speaker: string;
  /** which of the cleaned dialogues nobody may learn from */
  heldOut(dialogues: readonly Dialogue[]): (dialogue: Dialogue) => boolean;
  /** the persona's chat, of what is held out */
  chat(heldOut: Dialogue[]): Dialogue[];
}

const ubuntuNick = 'ActionParsnip';

export const personas: readonly Persona[] = [
  {
    name: 'ubuntu',
    corpus: 'ubuntu_irc',
    speaker: ubuntuNick,
    heldOut: (dialogues) => {
      const logOf = ({ id }: Dialogue): string => id.slice(0, id.lastIndexOf('-'));
      const logs = new Set(dialogues.filter(({ turns }) => turns.some(({ s }) => s === ubuntuNick)).map(logOf));
      return (dialogue) => logs.has(logOf(dialogue));
    },
    chat: (heldOut) => heldOut.filter(({ turns }) => turns.some(({ s }) => s === ubuntuNick)),
  },
  {
    name: 'self',
    corpus: 'self_dialogue',
    speaker: 'B',
    heldOut: () => (dialogue) => bucket(dialogue.id, 12) === 0,
    chat: (heldOut) => heldOut,
  },
  {
    name: 'xpersona',
    corpus: 'xpersona_en',
    speaker: 'B',
    heldOut: () => (dialogue) => bucket(dialogue.id, 5) === 0,
    chat: (heldOut) => heldOut,
  },
];

/** `s` of a persona's turns, by its name. */
export function speakerOf(name: string): string | undefined {
  return name === 'capcom' || name === 'capcoms'
    ? capcomSpeaker
    : personas.find((entry) => entry.name === name)?.speaker;
}

/** a part of a mission is what stands on one side of the test's border or the other */
const turnsOfPart = 200;

/** Every mission with a capsule communicator, in parts, Apollo 13 last. */
export function capcomsDialogues(missions: readonly Dialogue[]): Dialogue[] {
  return [...missions.filter(({ id }) => id !== capcomChat), ...capcomDialogues(missions)]
    .filter(({ turns }) => turns.filter(({ s }) => s === capcomSpeaker).length > turnsOfPart)
    .flatMap((mission) => partsOf(mission, turnsOfPart));
}

/** As it stands in the corpus: the same text that bench/quality measured from scratch. */
export function capcomDialogues(missions: readonly Dialogue[]): Dialogue[] {
  return missions.filter(({ id }) => id === capcomChat);
}

function bucket(id: string, buckets: number): number {
  return createHash('sha256').update(id).digest().readUInt32BE(0) % buckets;
}
