/** A store in a fresh folder, two people who agreed, and messages that consent/ admitted. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { admit, type ConsentedMessage } from '../../src/consent/policy.ts';
import { openStore, type Store, type StoreOptions } from '../../src/store/store.ts';
import type { ConsentAction, ConsentScope, MessageDraft } from '../../src/types.ts';
import { check } from '../../src/util/errors.ts';

/** A folder (0700) that is gone after the test. */
export function freshDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'persona-store-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export function freshStore(options: StoreOptions & { dir?: string } = {}): Store {
  const store = openStore(options.dir ?? freshDir(), options);
  onTestFinished(() => store.close());
  return store;
}

export function say(
  store: Store,
  personId: number,
  action: ConsentAction,
  atMs = 0,
  scope: ConsentScope = 'log',
): void {
  store.consent.append({ personId, scope, action, atMs, noticeHash: '', chatId: null });
}

export interface Scene {
  store: Store;
  owner: number;
  contact: number;
  /** a direct chat of the two, collected since 0 */
  chat: number;
}

export function scene(options: Parameters<typeof freshStore>[0] = {}): Scene {
  const store = freshStore(options);
  const owner = store.people.resolve(['me', '4900@c.us']);
  const contact = store.people.resolve(['4911@c.us']);
  const chat = directChat(store, '4911@c.us', owner, contact);
  say(store, owner, 'granted');
  say(store, contact, 'granted');
  return { store, owner, contact, chat };
}

export function directChat(store: Store, key: string, ...people: number[]): number {
  const chat = store.chats.resolve(key, 'direct');
  for (const person of people) store.chats.addMember(chat, person);
  return chat;
}

let nextId = 1;
export function draft(
  chatId: number,
  personId: number,
  text: string,
  changes: Partial<MessageDraft> = {},
): MessageDraft {
  return {
    waId: `wa${nextId++}`,
    chatId,
    personId,
    fromMe: false,
    origin: 'live',
    timestampMs: 1000,
    minutePrecision: false,
    kind: 'text',
    text,
    media: null,
    quotedWaId: null,
    ...changes,
  };
}

/** As consent/ admits it where everyone agreed at time 0. */
export function admitted(message: MessageDraft): ConsentedMessage {
  const granted = { state: 'granted', sinceMs: 0 } as const;
  const result = admit(message, {
    chatKind: 'direct',
    collecting: true,
    collectSinceMs: 0,
    author: granted,
    others: [granted],
    isForwarded: false,
    isEphemeral: false,
    isImport: false,
    attested: false,
  });
  check(result !== undefined, 'a granted message is admitted');
  return result;
}

/** Store a message that everyone agreed to; returns its row id. */
export function put(store: Store, message: MessageDraft): number {
  return store.messages.add(admitted(message)).rowId;
}
