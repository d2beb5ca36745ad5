/** Exports made up for tests of importing, and a store whose owner has agreed. */
import type { ImportChoices, ImportSource } from '../../src/store/import.ts';
import type { Store } from '../../src/store/store.ts';
import type { ExportMessage } from '../../src/types.ts';
import { freshStore, say } from './support.ts';

export type Line = Partial<ExportMessage> & { ts: string; text: string };

/** An export as a reader gives it; `messages` may be any number of lines, made anew on every call. */
export function exportOf(lines: readonly Line[] | (() => Iterable<Line>)): ImportSource {
  const each = typeof lines === 'function' ? lines : () => lines;
  const names = new Set<string>();
  for (const line of each()) if (line.sender !== undefined && line.sender !== null) names.add(line.sender);
  return {
    senders: [...names].map((name) => ({ name })),
    *messages() {
      let line = 0;
      for (const message of each()) yield { sender: null, kind: 'text', media: null, line: ++line, ...message };
    },
  };
}

/** `2026-03-01T10:05:00` and seconds after it */
export function at(seconds: number): string {
  return new Date(Date.UTC(2026, 2, 1, 10, 5) + seconds * 1000).toISOString().slice(0, 19);
}

export const direct: ImportChoices = {
  me: 'Ida',
  persona: 'Ida',
  speaker: 'me',
  attested: ['Ben'],
  timezone: 'UTC',
  minutePrecision: true,
  nowMs: 5000,
};

/** A store in which the owner has agreed. */
export function ownStore(dir?: string): { store: Store; owner: number } {
  const store = freshStore(dir === undefined ? {} : { dir });
  const owner = store.people.resolve(['me']);
  say(store, owner, 'granted');
  return { store, owner };
}

/** Everything that anyone may read, a line a message, in order. */
export function textsOf(store: Store): string[] {
  return store.messages
    .conversations(store.people.resolve(['me']))
    .flatMap(({ messages }) => messages.map(({ text, media }) => media ?? text));
}
