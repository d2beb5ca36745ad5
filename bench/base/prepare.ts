/**
 * Corpora of dialogue -> what the base voice learns from, and the personas that it never sees.
 * Run: npx tsc -p bench && node dist/bench/base/prepare.js DIALOGUES_FOLDER OUT_FOLDER
 *   DIALOGUES_FOLDER: the files of corpora.ts, `<name>.jsonl.gz`
 * Writes OUT/pretrain.jsonl.gz, OUT/persona-<name>.jsonl.gz (personas.ts) and bench/results/base-corpus.json (counts and
 * licences). Whole dialogues are held out, by a hash of their id; nothing that is held out is in pretrain.jsonl.gz.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanDialogues } from '../../src/dataset/clean.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { check } from '../../src/util/errors.ts';
import { corpora } from './corpora.ts';
import { readDialogues, writeDialogues, type Dialogue } from './dialogue.ts';
import { capcomDialogues, capcomsDialogues, personas } from './personas.ts';

const [from, to] = process.argv.slice(2);
check(from !== undefined && to !== undefined, 'which folder of dialogues, and which folder to write?');
mkdirSync(to, { recursive: true });

const utf8Bytes = (dialogues: readonly Dialogue[]): number =>
  dialogues.reduce((sum, { turns }) => sum + turns.reduce((bytes, { t }) => bytes + Buffer.byteLength(t) + 1, 0), 0);
const turnsOf = (dialogues: readonly Dialogue[]): number => dialogues.reduce((sum, { turns }) => sum + turns.length, 0);

const learned: Dialogue[] = [];
const heldOut = new Map<string, Dialogue[]>();
const rows = corpora.map((corpus) => {
  const { name, title, licence, source, attribution } = corpus;
  const raw = readDialogues(join(from, `${name}.jsonl.gz`));
  if (name === 'nasa_airtoground') {
    heldOut.set('capcom', capcomDialogues(raw));
    heldOut.set('capcoms', capcomsDialogues(raw));
  }
  const prepared = corpus.prepare(raw).map((dialogue) => ({
    ...dialogue,
    turns: dialogue.turns.filter(({ t }) => !isLinked(t)),
  }));
  const { dialogues, counts } = cleanDialogues(prepared);
  const persona = personas.find(({ corpus }) => corpus === name);
  const isHeldOut = persona?.heldOut(dialogues) ?? (() => false);
  const own = dialogues.filter((dialogue) => !isHeldOut(dialogue));
  learned.push(...own);
  if (persona !== undefined) heldOut.set(persona.name, persona.chat(dialogues.filter(isHeldOut)));
  const row = {
    name,
    title,
    licence,
    source,
    attribution,
    left: counts,
    learned: { dialogues: own.length, turns: turnsOf(own), bytes: utf8Bytes(own) },
  };
  console.log(
    `${name.padEnd(24)}${own.length} dialogues, ${turnsOf(own)} turns, ${(utf8Bytes(own) / 1e6).toFixed(1)} MB`,
    JSON.stringify(counts),
  );
  return row;
});
writeDialogues(join(to, 'pretrain.jsonl.gz'), learned);
for (const [name, dialogues] of heldOut) {
  writeDialogues(join(to, `persona-${name}.jsonl.gz`), dialogues);
  console.log(
    `persona ${name.padEnd(16)}${dialogues.length} dialogues, ${turnsOf(dialogues)} turns, ${(utf8Bytes(dialogues) / 1e6).toFixed(2)} MB`,
  );
}
const total = { dialogues: learned.length, turns: turnsOf(learned), bytes: utf8Bytes(learned) };
console.log(`to learn from: ${total.dialogues} dialogues, ${total.turns} turns, ${(total.bytes / 1e6).toFixed(1)} MB`);
writeFileSync(
  join(projectRoot, 'bench', 'results', 'base-corpus.json'),
  `${JSON.stringify({ what: 'what the base voice learned from', total, corpora: rows }, null, 2)}\n`,
);

/** Turns with a link: the product learns a placeholder there, and what is measured counts every byte. */
function isLinked(text: string): boolean {
  return /https?:|www\.|ftp:|\b\w+\.(?:com|org|net|html?|php)\b/i.test(text);
}
