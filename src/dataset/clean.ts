/**
 * Dialogues that others collected -> dialogues worth learning from: texts without control characters and layout, no empty
 * or endless turns, no dialogue twice, and none that mostly repeats what others said (templates, the same form filled in
 * again). Nobody's register changes: case, slang, typing errors and punctuation stay.
 * Not covered: what is sensitive (consent/redact.ts puts placeholders when a dialogue is encoded), and each corpus' own
 * blemishes (bench/base/corpora.ts).
 */
import { sha256 } from '../util/files.ts';
import { countWords, normalise } from './dedupe.ts';

export interface DialogueTurn {
  /** speaker */
  s: string;
  /** text */
  t: string;
}

export interface DialogueOf<T extends DialogueTurn> {
  id: string;
  turns: T[];
}

export interface CleanCounts {
  dialogues: number;
  turns: number;
  /** turns without text, or of more than `maxChars` characters */
  emptyOrLong: number;
  /** dialogues with fewer than two turns or speakers left */
  tooShort: number;
  /** dialogues that were there before, word for word */
  repeated: number;
  /** dialogues most of whose words stand in turns seen before */
  mostlyRepeated: number;
}

const maxChars = 1000;
/** shorter turns ("how are you?") are everybody's */
const minRepeatedWords = 6;
const maxRepeatedShare = 0.5;

/** The first of equals stays. @returns new dialogues in the given order, and what was left out */
export function cleanDialogues<T extends DialogueTurn, D extends DialogueOf<T>>(
  dialogues: Iterable<D & DialogueOf<T>>,
): { dialogues: D[]; counts: CleanCounts } {
  const counts = { dialogues: 0, turns: 0, emptyOrLong: 0, tooShort: 0, repeated: 0, mostlyRepeated: 0 };
  const seenDialogues = new Set<string>();
  const seenTurns = new Set<string>();
  const kept: D[] = [];
  for (const dialogue of dialogues) {
    const { turns } = dialogue;
    const clean = turns
      .map((turn) => ({ ...turn, t: cleanText(turn.t) }))
      .filter(({ t }) => t !== '' && t.length <= maxChars);
    counts.emptyOrLong += turns.length - clean.length;
    if (clean.length < 2 || new Set(clean.map(({ s }) => s)).size < 2) {
      counts.tooShort++;
      continue;
    }
    const normal = clean.map(({ t }) => normalise(t));
    const key = sha256(normal.join('\n'));
    if (seenDialogues.has(key)) {
      counts.repeated++;
      continue;
    }
    seenDialogues.add(key);
    let words = 0;
    let repeatedWords = 0;
    const long: string[] = [];
    for (const text of normal) {
      const count = countWords(text);
      words += count;
      if (count < minRepeatedWords) continue;
      const turn = sha256(text);
      if (seenTurns.has(turn)) repeatedWords += count;
      long.push(turn);
    }
    if (repeatedWords > words * maxRepeatedShare) {
      counts.mostlyRepeated++;
      continue;
    }
    for (const turn of long) seenTurns.add(turn);
    counts.dialogues++;
    counts.turns += clean.length;
    kept.push({ ...dialogue, turns: clean });
  }
  return { dialogues: kept, counts };
}

/** NFC, one line, one space between words, no control or invisible formatting characters (joiners inside emoji stay). */
export function cleanText(text: string): string {
  return text
    .normalize('NFC')
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u00a0\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\ufeff\ufffd]/gu, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim();
}
