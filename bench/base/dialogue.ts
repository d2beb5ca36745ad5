/** Dialogue files: one `{"id","turns":[{"s","t","ts"?}]}` a line, gzipped or not. */
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';

export interface Turn {
  /** speaker */
  s: string;
  /** text */
  t: string;
  /** time, as docs/chat-format.md reads it */
  ts?: string | number;
}

export interface Dialogue {
  id: string;
  turns: Turn[];
}

/** The text of a file, gzipped or not. */
export function readText(file: string): string {
  const bytes = readFileSync(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
}

export function readDialogues(file: string): Dialogue[] {
  return readText(file)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Dialogue);
}

/** Gzipped, the same bytes for the same dialogues. */
export function writeDialogues(file: string, dialogues: readonly Dialogue[]): void {
  writeFileSync(file, gzipSync(dialogues.map((dialogue) => `${JSON.stringify(dialogue)}\n`).join(''), { level: 9 }));
}

/** A long dialogue as several of at most so many turns. */
export function partsOf({ id, turns }: Dialogue, maxTurns: number): Dialogue[] {
  const parts: Dialogue[] = [];
  for (let at = 0; at < turns.length; at += maxTurns) {
    parts.push({ id: `${id}-${parts.length}`, turns: turns.slice(at, at + maxTurns) });
  }
  return parts;
}
