/**
 * The chats that quality is measured on, each as train, validation and test conversations.
 * - `capcom(file)`: Apollo 13's air-to-ground loop; the persona is the capsule communicator (`CC`). The last 10 % of turns are
 *   the test, the last 5 % of those before are the validation.
 * - `personaChat(folder, name)`: a persona of bench/base/prepare, whole dialogues in the same shares;
 * - `sampleChat()`: the chat that ships with the project, in the product's own split.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildDataset } from '../src/dataset/build.ts';
import { isScored, type Conversation } from '../src/dataset/conversations.ts';
import { parseConversations, parseDialogues, toConversations, type Dialogue } from '../src/dataset/jsonl.ts';
import { conversationsOf } from '../src/nightly/training.ts';
import { openStore } from '../src/store/store.ts';
import { check } from '../src/util/errors.ts';
import { importSample, sample } from '../scripts/sample.ts';
import { capcomChat, capcomSpeaker } from './base/corpora.ts';
import { readDialogues, readText } from './base/dialogue.ts';
import { speakerOf } from './base/personas.ts';

export interface Chat {
  name: string;
  train: Conversation[];
  validation: Conversation[];
  test: Conversation[];
}

const testShare = 0.1;
const validationShare = 0.05;

/** @param file JSON lines `{"id","turns":[{"s","t","ts"?}]}`, gzipped or not */
export function capcom(file: string): Chat {
  const chat = readDialogues(file).find(({ id }) => id === capcomChat);
  check(chat, `${file} holds no chat ${capcomChat}`);
  const { turns } = chat;
  const testFrom = Math.floor(turns.length * (1 - testShare));
  const validationFrom = Math.floor(testFrom * (1 - validationShare));
  const part = (name: string, from: number, to: number): Conversation[] =>
    parseConversations(JSON.stringify({ id: `${capcomChat} ${name}`, turns: turns.slice(from, to) }), {
      persona: capcomSpeaker,
      file,
    });
  return {
    name: 'capcom',
    train: part('train', 0, validationFrom),
    validation: part('validation', validationFrom, testFrom),
    test: part('test', testFrom, turns.length),
  };
}

/**
 * @param folder what bench/base/prepare wrote
 * @param maxTurns take no more of the chat than about this, from its start
 */
export function personaChat(folder: string, name: string, maxTurns = Infinity): Chat {
  const speaker = speakerOf(name);
  check(speaker, `no persona ${name}`);
  const file = join(folder, `persona-${name}.jsonl.gz`);
  const dialogues: Dialogue[] = [];
  let turns = 0;
  for (const dialogue of parseDialogues(readText(file), file)) {
    if (turns >= maxTurns) break;
    dialogues.push(dialogue);
    turns += dialogue.turns.length;
  }
  const conversations = (from: number, to: number): Conversation[] => {
    let at = 0;
    return dialogues.flatMap((dialogue) => {
      const isIn = at >= from && at < to;
      at += dialogue.turns.length;
      return isIn ? toConversations([dialogue], speaker) : [];
    });
  };
  const testFrom = Math.floor(turns * (1 - testShare));
  const validationFrom = Math.floor(testFrom * (1 - validationShare));
  return {
    name,
    train: conversations(0, validationFrom),
    validation: conversations(validationFrom, testFrom),
    test: conversations(testFrom, turns),
  };
}

/** A persona of what bench/base/prepare wrote, by its name; `maxTurns` leaves CapCom, which is one chat, as it is. */
export function namedChat(folder: string, name: string, maxTurns?: number): Chat {
  return name === 'capcom' ? capcom(join(folder, 'persona-capcom.jsonl.gz')) : personaChat(folder, name, maxTurns);
}

export async function sampleChat(): Promise<Chat> {
  const dataDir = mkdtempSync(join(tmpdir(), 'persona-bench-'));
  try {
    await importSample(dataDir);
    const store = openStore(dataDir);
    try {
      const chats = store.messages.conversations(store.people.resolve(['me']));
      const dataset = buildDataset({ chats, timezone: sample.timezone });
      return {
        name: 'sample',
        train: conversationsOf(dataset, 'train'),
        validation: conversationsOf(dataset, 'validation'),
        test: conversationsOf(dataset, 'test'),
      };
    } finally {
      store.close();
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Messages, persona messages that count, and their bytes with one newline each. */
export function sizeOf(conversations: readonly Conversation[]) {
  const own = conversations.flatMap((c) => c.messages.filter((message) => isScored(message, c)));
  return {
    messages: conversations.reduce((sum, { messages }) => sum + messages.length, 0),
    personaMessages: own.length,
    personaBytes: own.reduce((sum, { text }) => sum + Buffer.byteLength(text) + 1, 0),
  };
}
