/**
 * MODEL_CARD.md of a base that ships, from what was recorded: the manifest of its folder, the corpora (base-corpus.json), the
 * personas (quality.json) and the scan (base-scan-<name>.json).
 * Run: npx tsc -p bench && node dist/bench/base/model-card.js NAME [LEG...]      (models/base/NAME)
 *   LEG: folders of the legs before the last, oldest first, where it was pretrained in several
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifestName, parseManifest } from '../../src/checkpoint/manifest.ts';
import { fromLlamaConfig } from '../../src/checkpoint/llama.ts';
import { parameterCount } from '../../src/model/sizes.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { check } from '../../src/util/errors.ts';
import type { Recipe } from '../../src/train/recipe.ts';

interface Figures {
  size: string;
  seed: number;
  backend: string;
  base: string | null;
  vocabulary: number;
  passes: number;
  maxMinutes: number | null;
  recipe: Recipe;
  learned: { dialogues: number; bytes: number };
  heldOut: { dialogues: number; bytes: number; bitsPerByte: number };
  steps: number;
  tokensSeen: number;
  seconds: number;
}
interface Corpus {
  title: string;
  licence: string;
  source: string;
  attribution: string;
  learned: { dialogues: number; turns: number; bytes: number };
}
interface Quality {
  chats: Record<string, { entries: Record<string, { bitsPerByte: number } | undefined> }>;
}
interface Scan {
  samples: number;
  findings: Record<string, number>;
  verbatim: Record<string, number>;
  longestOverlapWords: { p50: number; p99: number; max: number };
}

const [name, ...legFolders] = process.argv.slice(2);
check(name, 'which base?');
const dir = join(projectRoot, 'models', 'base', name);
const results = (file: string): string => join(projectRoot, 'bench', 'results', file);
const json = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;

function figuresOf(folder: string): Figures {
  const file = join(folder, manifestName);
  return parseManifest(readFileSync(file, 'utf8'), file).details as unknown as Figures;
}
const figures = figuresOf(dir);
const legs = [...legFolders.map(figuresOf), figures];
const config = fromLlamaConfig(readFileSync(join(dir, 'config.json'), 'utf8'), 'config.json');
const corpora = json<{ corpora: Corpus[] }>(results('base-corpus.json')).corpora;
const quality = json<Quality>(results('quality.json')).chats;
const scanFile = results(`base-scan-${name}.json`);
const curve = readFileSync(join(dir, 'metrics.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { step: number; validationNats: number | null; elapsedMs: number })
  .filter(({ validationNats }) => validationNats !== null);

const number = (value: number): string => Math.round(value).toLocaleString('en-GB');
const part = name === 'small' ? 'baseSmall' : 'baseNano';
const table = (head: string[], rows: string[][]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');

const personaRows = Object.entries(quality).flatMap(([chat, { entries }]) => {
  const bits = (key: string): string => entries[key]?.bitsPerByte.toFixed(3) ?? '-';
  return entries[part] === undefined
    ? []
    : [[chat, bits('ngram'), bits('ngramAll'), bits('story'), bits('ours'), bits(part)]];
});
const { recipe } = figures;

const card = `---
license: other
license_name: see-data
language: en
library_name: transformers
tags: [conversational, llama, whatsapp-persona]
---

# ${name}: a base voice

A small Llama-layout transformer that has read conversations and is nobody. \`persona retrain\` starts from it, so that a persona
knows how people write before it learns how one person does. On its own it is of little use and is never shown to anyone.

| | |
| --- | --- |
| shape | ${config.layers} layers x ${config.width}, ${config.heads} heads, context ${config.contextLength}, vocabulary ${number(config.vocabSize)} (byte-level BPE, 64 ids reserved) |
| parameters | ${number(parameterCount(config))}, stored as float16 |
| format | Hugging Face folder (LlamaForCausalLM); chat format v1 (docs/chat-format.md) |
| checked | every file against the SHA-256 in manifest.json, each time it is loaded |

## What it learned from

${table(
  ['corpus', 'licence', 'source', 'dialogues', 'MB', 'who is to be named'],
  corpora.map(({ title, licence, source, attribution, learned }) => [
    title,
    licence,
    source,
    number(learned.dialogues),
    (learned.bytes / 1e6).toFixed(1),
    attribution,
  ]),
)}

The weights are published with this attribution; BSD-3-Clause, MIT and CC BY 4.0 ask for it. What was changed: Persona-Chat's
spaces before punctuation were taken out; #ubuntu's channel was taken apart into two-person threads; dialogues that repeat
others, turns with links, and blanks that a generator left open were left out; telephone numbers, e-mail addresses, cards and
secrets became placeholders before anything was learned, and no loss was put on those (docs/base-voice.md). Register was left as
it is: case, slang and typing errors.

Held out, so that personas can be measured: Apollo 13 and every other mission's capsule communicator; every log of #ubuntu with a
message by one of its helpers; one in twelve of the self-dialogues; one in five of Persona-Chat; and one in 200 of the rest for
the curve.

## How

\`persona pretrain\` on backend \`${figures.backend}\`, ${legs.length === 1 ? `seed ${figures.seed}` : `in ${legs.length} legs, each a schedule of its own`}: ${recipe.optimizer === 'muon' ? 'Muon for the matrices inside the layers, AdamW for the rest' : 'AdamW'}, peak rate ${recipe.learningRate},
${number(recipe.batchTokens)} ids a step, ${recipe.schedule} (warm-up ${recipe.warmupShare * 100} %, decay over the last ${recipe.decayShare * 100} %), weight decay ${recipe.weightDecay}, no dropout. Loss on everyone's text; in each pass another
speaker has the persona's role. ${total('tokensSeen')} ids seen in ${total('steps')} steps and ${number(legs.reduce((sum, { seconds }) => sum + seconds, 0) / 60)} minutes on a shared two-core machine without a GPU.${legTable()}

## What it can

${figures.heldOut.bitsPerByte.toFixed(3)} bits per byte on ${figures.heldOut.dialogues} held-out dialogues (${number(figures.heldOut.bytes)} bytes, everyone's text).

${table(
  ['step', 'minutes', 'nats an id, held out'],
  curve
    .filter((_, i) => i % Math.max(1, Math.floor(curve.length / 10)) === 0 || i === curve.length - 1)
    .map(({ step, elapsedMs, validationNats }) => [
      number(step),
      (elapsedMs / 60_000).toFixed(0),
      (validationNats ?? 0).toFixed(3),
    ]),
)}

Bits per byte on the held-out replies of personas that it never saw, after learning from their chat (\`bench/quality\`):

${table(['persona', 'byte 5-gram', '5-gram on everything', "the story's recipe", 'from scratch', 'this base, then the chat'], personaRows)}

## What it cannot, and what it leans to

- English only, and typed mostly by crowd workers (films, music, sport, small talk), Linux users of 2004 to 2018, callers of
  assistants, and astronauts. Other languages cost it nearly as many ids as bytes: train from scratch there and compare.
- It knows no facts. What it says about people, films or commands is what such sentences look like.
- The views of those who wrote are in it: who does which job, which films matter, how strangers are spoken to. Nobody was asked to
  be fair, and the channel's rudeness was not filtered.
- Two corpora are partly made by machines (Synthetic-Persona-Chat) or by script (STAR's assistants): politeness in set phrases.
- ${config.contextLength} ids of context: about ${Math.round(config.contextLength / 14)} messages.
${scanText()}
`;

function total(what: 'tokensSeen' | 'steps'): string {
  return number(legs.reduce((sum, leg) => sum + leg[what], 0));
}

function legTable(): string {
  if (legs.length === 1) return '';
  const rows = legs.map(({ seed, tokensSeen, steps, seconds, heldOut }, i) => [
    String(i + 1),
    String(seed),
    number(tokensSeen),
    number(steps),
    number(seconds / 60),
    heldOut.bitsPerByte.toFixed(3),
  ]);
  return `\n\n${table(['leg', 'seed', 'ids', 'steps', 'minutes', 'bits per byte, held out'], rows)}\n\nThe curve below is the last leg's.`;
}

function scanText(): string {
  if (!existsSync(scanFile)) return '';
  const { samples, findings, verbatim, longestOverlapWords } = json<Scan>(scanFile);
  const found = Object.entries(findings)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${kind} ${count}`);
  const inText = Object.values(verbatim).reduce((sum, count) => sum + count, 0);
  return `- ${number(samples)} unconditional samples were searched for telephone numbers, e-mail addresses, cards, secrets, links and postal addresses
  (\`bench/base/scan\`): ${found.length === 0 ? 'none found' : `${found.join(', ')}, of which ${inText} stand in the training text`}. The longest run of words that
  a sample shares with that text is ${longestOverlapWords.p50} in half of them, at most ${longestOverlapWords.p99} in 99 %, and ${longestOverlapWords.max} in one.`;
}

writeFileSync(join(dir, 'MODEL_CARD.md'), card);
console.log(`${dir}/MODEL_CARD.md`);
