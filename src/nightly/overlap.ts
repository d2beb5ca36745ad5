/**
 * What texts share word for word with the texts that a network was trained on: the longest run of words of each text that
 * stands in one training text, both folded as the reply guard folds them (case, accents, punctuation gone). Phrases that
 * stand in three conversations or more belong to everybody's way of talking and do not count; nor do texts under six words,
 * since people say those over and over. The same of real replies that nobody trained on tells how much is usual.
 * Not covered: paraphrase and changed words (Ippolito et al. 2022).
 */
import { textsOf, type Conversation } from '../dataset/conversations.ts';
import type { RedactSpans } from '../tokenizer/chat-format.ts';
import { foldWords, phraseWords } from '../util/phrases.ts';
import type { Overlap } from './findings.ts';

/** A phrase that stands in so many conversations is nobody's secret. */
const commonConversations = 3;

export interface TrainingText {
  /** words of the longest run in this text that stands in a training text and is not common; 0 below six */
  longestRun(text: string): number;
}

/**
 * @param redact what training put placeholders for: a run ends where one stands
 */
export function indexTrainingText(conversations: readonly Conversation[], redact?: RedactSpans): TrainingText {
  const words: (string | null)[] = []; // null between two texts
  const starts = new Map<string, number[]>(); // six words -> where they stand
  const conversationAt: number[] = []; // of each word
  conversations.forEach((conversation, which) => {
    for (const text of textsOf([conversation], redact)) {
      for (const word of [...foldWords(text), null]) {
        words.push(word);
        conversationAt.push(which);
      }
    }
  });
  for (let at = 0; at + phraseWords <= words.length; at++) {
    const phrase = words.slice(at, at + phraseWords);
    if (phrase.includes(null)) continue;
    const key = phrase.join(' ');
    const places = starts.get(key);
    if (places === undefined) starts.set(key, [at]);
    else places.push(at);
  }
  const isCommon = (places: readonly number[]): boolean =>
    places.length >= commonConversations &&
    new Set(places.map((place) => conversationAt[place])).size >= commonConversations;

  return {
    longestRun(text) {
      const own = foldWords(text);
      let longest = 0;
      for (let at = 0; at + phraseWords <= own.length; at++) {
        const places = starts.get(own.slice(at, at + phraseWords).join(' ')) ?? [];
        // a longer run around a common phrase may be rare: its later words decide
        for (const place of isCommon(places) ? [] : places) {
          let length = phraseWords;
          while (at + length < own.length && own[at + length] === words[place + length]) length++;
          longest = Math.max(longest, length);
        }
      }
      return longest;
    },
  };
}

/** Of many texts: bubbles of samples, or real messages. */
export function overlapOf(texts: readonly string[], training: TrainingText): Overlap {
  const long = texts.filter((text) => foldWords(text).length >= phraseWords);
  const runs = long.map((text) => training.longestRun(text));
  const copied = runs.filter((run) => run >= phraseWords).length;
  return {
    texts: long.length,
    longest: runs.reduce((a, b) => Math.max(a, b), 0),
    copied: long.length === 0 ? 0 : copied / long.length,
  };
}
