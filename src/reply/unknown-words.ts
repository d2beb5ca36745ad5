/**
 * Words that the network made up. Small networks put pieces of words together that nobody ever wrote ("tils"); a reply with
 * one goes behind the others (rank.ts). A word counts as written where the run read it in two texts or more (its lexicon), where it is
 * one id of the tokenizer, so common in what that was trained on, or where somebody said it in the messages before. One character is no
 * word that could be made up: scripts without spaces have no others here.
 */
import { isInLexicon, lexicalWords, type Lexicon } from '../dataset/lexicon.ts';
import type { Tokenizer } from '../tokenizer/bpe.ts';

/** @returns gives the words of a text that nobody wrote, each once, in lower case */
export function unknownWordsIn(
  lexicon: Lexicon,
  tokenizer: Tokenizer,
  context: readonly { text: string; isBot: boolean }[],
): (text: string) => string[] {
  const before = new Set(context.flatMap(({ text, isBot }) => (isBot ? [] : lexicalWords(text))));
  const isOneId = (word: string): boolean => tokenizer.encode(` ${word}`).length === 1;
  const isKnown = (word: string): boolean =>
    /^.$/u.test(word) || before.has(word) || isInLexicon(lexicon, word) || isOneId(word) || isOneId(capitalised(word));
  return (text) => [...new Set(lexicalWords(text).filter((word) => !isKnown(word)))];
}

const capitalised = (word: string): string => word.replace(/^./u, (first) => first.toUpperCase());
