/**
 * What was disliked in a chat (a reaction like 👎, `!again`, `!no`) is said there last: candidates that equal such a reply, or
 * nearly so, go behind the others. Nothing is learned from it: a chat has a handful of reactions, which say that this reply was
 * wrong here and little about which other would be right. Likes change nothing.
 */
import type { RankedReply } from './rank.ts';
import { wordF1, wordsOf } from './rank.ts';

/** Word F1 from which on two replies count as the same: one word in five may differ. */
const nearlyTheSame = 0.8;

type Bubbles = readonly { text: string }[];

/** The same candidates in the same order, those like a disliked reply last. */
export function dislikedLast<T extends Pick<RankedReply, 'bubbles'>>(
  candidates: readonly T[],
  disliked: readonly (readonly string[])[],
): T[] {
  if (disliked.length === 0) return [...candidates];
  const known = disliked.map((bubbles) => keyOf(bubbles));
  const isDisliked = ({ bubbles }: T): boolean => {
    const own = keyOf(textsOf(bubbles));
    return known.some(({ text, words }) => own.text === text || wordF1(own.words, words) >= nearlyTheSame);
  };
  const [fine, last]: [T[], T[]] = [[], []];
  for (const candidate of candidates) (isDisliked(candidate) ? last : fine).push(candidate);
  return [...fine, ...last];
}

const textsOf = (bubbles: Bubbles): string[] => bubbles.map(({ text }) => text);

/** Marks and emoji alone have no words: then the text decides. */
function keyOf(texts: readonly string[]): { text: string; words: string[] } {
  const text = texts.join(' ').normalize('NFKC').toLowerCase().replaceAll(/\s+/g, ' ').trim();
  return { text, words: wordsOf(text) };
}
