/**
 * One contender of bench/import, once: `ours`, `peer` (npm whatsapp-chat-parser out of a folder of modules), `store` (ours
 * into a store). Arguments: contender, file, folder of modules, folder of data (a new one if left out). Prints one line of JSON.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { openExport } from '../../src/exports/read.ts';
import { importMessages } from '../../src/store/import.ts';
import { openStore } from '../../src/store/store.ts';
import { temporaryFolder } from './child.ts';

export interface ImportRun {
  seconds: number;
  cpuSeconds: number;
  peakRssMiB: number;
  messages: number;
  /** of all texts together: proof that every message was there */
  characters: number;
}

interface PeerLibrary {
  parseString: (text: string) => { message: string }[];
}

interface Seen {
  messages: number;
  characters: number;
}

const [contender, file = '', modules = '', dataDir = temporaryFolder()] = process.argv.slice(2);

async function readOurs(): Promise<Seen> {
  const seen = { messages: 0, characters: 0 };
  for (const { text } of (await openExport(file)).messages()) {
    seen.messages++;
    seen.characters += text.length;
  }
  return seen;
}

function readPeer(): Seen {
  const { parseString } = createRequire(import.meta.url)(join(modules, 'whatsapp-chat-parser')) as PeerLibrary;
  const seen = { messages: 0, characters: 0 };
  for (const { message } of parseString(readFileSync(file, 'utf8'))) {
    seen.messages++;
    seen.characters += message.length;
  }
  return seen;
}

/** Two people who agreed; messages are those that were not stored yet, characters are not counted. */
async function intoStore(): Promise<Seen> {
  const store = openStore(dataDir);
  const chat = await openExport(file);
  const names = chat.senders.map(({ name }) => name);
  const { inserted } = await importMessages(store, chat, {
    me: names[0]!,
    persona: names[1]!,
    speaker: 'them',
    attested: names,
    timezone: 'Europe/Berlin',
    minutePrecision: !chat.hasSeconds,
    nowMs: Date.now(),
  });
  store.close();
  return { messages: inserted, characters: 0 };
}

const begin = performance.now();
const seen = contender === 'peer' ? readPeer() : contender === 'store' ? await intoStore() : await readOurs();
const seconds = (performance.now() - begin) / 1000;
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
const run: ImportRun = {
  seconds,
  cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
  peakRssMiB: maxRSS / 1024,
  ...seen,
};
console.log(JSON.stringify(run));
