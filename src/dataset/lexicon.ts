/**
 * Which words a run has read, without its text: sorted 32-bit hashes. By it a reply tells its words from those that the
 * network made up (reply/unknown-words.ts). A word that stands in one text only is not in it: nobody can ask a run's folder
 * for what was said once. Not covered: words with digits in them, and which word a hash is of; some 1 in 100,000 that were never
 * read pass for read (a lexicon of 40,000).
 */
import { hash } from 'node:crypto';
import type { RedactSpans } from '../tokenizer/chat-format.ts';
import { textsOf, type Conversation } from './conversations.ts';
import { wordsOf } from './words.ts';

/** Ascending. */
export type Lexicon = Uint32Array;

/** Texts that a word must stand in. */
const leastTexts = 2;

/** Of what people wrote, without what is hidden: a word that the bot made up is none for having been said. */
export function lexiconOfPeople(conversations: readonly Conversation[], redact?: RedactSpans): Lexicon {
  const written = conversations.map(({ messages, ...conversation }) => ({
    ...conversation,
    messages: messages.filter(({ isBot }) => !isBot),
  }));
  return lexiconOf(textsOf(written, redact));
}

export function lexiconOf(texts: Iterable<string>): Lexicon {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of new Set(lexicalWords(text))) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const known = [...counts].filter(([, count]) => count >= leastTexts);
  return Uint32Array.from(new Set(known.map(([word]) => hashOf(word)))).sort();
}

/** @param word as `lexicalWords` gives it */
export function isInLexicon(lexicon: Lexicon, word: string): boolean {
  const wanted = hashOf(word);
  let [low, high] = [0, lexicon.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (lexicon[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return lexicon[low] === wanted;
}

/**
 * The words of a text in the form that a lexicon knows: parted at apostrophes (`don't` is `don` and `t`), what is drawn out
 * shortened (`sooooo` to `soo`, `hahahaha` to `haha`), those with digits left out.
 */
export function lexicalWords(text: string): string[] {
  return wordsOf(text.replaceAll(/['’]/g, ' '))
    .filter((word) => !/\p{N}/u.test(word))
    .map((word) => word.replaceAll(/(\p{L}{1,2}?)\1{2,}/gu, '$1$1'));
}

const hashOf = (word: string): number => hash('sha256', word, 'buffer').readUInt32LE(0);
