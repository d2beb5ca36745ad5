/**
 * What one person wrote, counted message by message (statistics.ts): words, characters, emoji, media, how often each value
 * was seen. A text is read and let go; only emoji are kept.
 */
import { mediaKinds, type MediaKind } from '../types.ts';
import { countOf, wordsOf } from './words.ts';

/** One message as it is counted. */
export interface Said {
  chat: string | number;
  /** whoever wrote it: a name or an id */
  who: string;
  /** sent by this program: parts turns, and counts for nobody */
  isBot?: boolean;
  /** unix ms */
  timeMs: number | null;
  /** the same instant on the clock of the persona's timezone, as ms of a day in UTC */
  localMs: number | null;
  minutePrecision: boolean;
  text: string;
  media: MediaKind | null;
}

/** A quarter of the values are at most `lower`, half at most `median`, three quarters at most `upper`. */
export interface Quartiles {
  lower: number;
  median: number;
  upper: number;
}

export interface PersonStatistics {
  who: string;
  messages: number;
  words: number;
  /** as readers count them: a letter with its marks is one, and so is an emoji */
  characters: number;
  /** null where no tokenizer was given */
  tokens: number | null;
  /** of messages with text */
  charactersPerMessage: Quartiles | null;
  emoji: { total: number; top: { emoji: string; count: number }[] };
  media: Record<MediaKind, number>;
  /** seconds from somebody else's last message to the next one of this person, within a conversation */
  replySeconds: Quartiles | null;
  /** turns of 1, 2, 3 and 4 messages in a row, and of 5 and more */
  burstLengths: number[];
  messagesPerBurst: number;
  /** conversations that this person opened */
  opened: number;
  /** by hour of the local day, 0 to 23 */
  hours: number[];
}

const longestBurst = 5;

export const zeros = (length: number): number[] => Array.from({ length }, () => 0);

/** How often each value was seen. */
export class Tally {
  readonly counts = new Map<number, number>();

  add(value: number): void {
    this.counts.set(value, (this.counts.get(value) ?? 0) + 1);
  }

  quartiles(): Quartiles | null {
    const sorted = [...this.counts].sort(([a], [b]) => a - b);
    const total = sorted.reduce((sum, [, count]) => sum + count, 0);
    if (total === 0) return null;
    const at = (share: number): number => {
      let seen = 0;
      return sorted.find(([, count]) => (seen += count) >= share * total)![0];
    };
    return { lower: at(0.25), median: at(0.5), upper: at(0.75) };
  }
}

/** What one person wrote. */
export class PersonCounts {
  messages = 0;
  words = 0;
  characters = 0;
  tokens = 0;
  opened = 0;
  readonly lengths = new Tally();
  readonly replySeconds = new Tally();
  readonly emoji = new Map<string, number>();
  readonly media = Object.fromEntries(mediaKinds.map((kind) => [kind, 0])) as Record<MediaKind, number>;
  readonly burstLengths = zeros(longestBurst);
  readonly hours = zeros(24);

  add({ text, media }: Said, countTokens: ((text: string) => number) | undefined): void {
    this.messages++;
    if (media !== null) this.media[media]++;
    if (text === '') return;
    this.words += countOf(wordsOf(text));
    this.tokens += countTokens?.(text) ?? 0;
    const characters = isSimple.test(text) ? text.length : this.countCharacters(text);
    this.characters += characters;
    this.lengths.add(characters);
  }

  /** A turn of this many messages in a row is over. */
  addBurst(messages: number): void {
    this.burstLengths[Math.min(messages, longestBurst) - 1]!++;
  }

  private countCharacters(text: string): number {
    let emoji = 0;
    const rest = text.replaceAll(emojiSequence, (sequence) => {
      if (!isShownAsEmoji.test(sequence)) return sequence;
      emoji++;
      this.emoji.set(sequence, (this.emoji.get(sequence) ?? 0) + 1);
      return '';
    });
    return emoji + (rest.match(visible)?.length ?? 0);
  }

  result(who: string, hasTokens: boolean, topEmoji: number): PersonStatistics {
    const { messages, words, characters, opened, media, burstLengths, hours } = this;
    const bursts = burstLengths.reduce((sum, count) => sum + count, 0);
    const emoji = [...this.emoji].map(([each, count]) => ({ emoji: each, count }));
    emoji.sort((a, b) => b.count - a.count || (a.emoji < b.emoji ? -1 : 1));
    return {
      who,
      messages,
      words,
      characters,
      tokens: hasTokens ? this.tokens : null,
      charactersPerMessage: this.lengths.quartiles(),
      emoji: { total: emoji.reduce((sum, { count }) => sum + count, 0), top: emoji.slice(0, topEmoji) },
      media,
      replySeconds: this.replySeconds.quartiles(),
      burstLengths,
      messagesPerBurst: bursts === 0 ? 0 : messages / bursts,
      opened,
      hours,
    };
  }
}

/** Letters and signs that are a character each: nothing that combines, no emoji. */
const isSimple = /^[\n\x20-\u02ff\u0370-\u0482\u048a-\u058f\u05d0-\u05ea\u3041-\u3096\u30a0-\u30ff\u4e00-\u9fff]*$/;
/** A code point that is no mark on another and no format character. */
const visible = /[^\p{M}\p{Cf}]/gu;
/** What may be one emoji: UTS #51, section 1.4.9. Intl.Segmenter finds the same at ten times the cost. */
const emojiPart = String.raw`\p{Emoji}(?:\p{Emoji_Modifier}|\ufe0f\u20e3?|[\u{e0020}-\u{e007e}]+\u{e007f})?`;
const flag = String.raw`\p{Regional_Indicator}{2}`;
const emojiSequence = new RegExp(`${flag}|${emojiPart}(?:\\u200d(?:${flag}|${emojiPart}))*`, 'gu');
/** Digits, `#` and `©` are emoji only with the selector U+FE0F. */
const isShownAsEmoji = /^\p{Emoji_Presentation}|\ufe0f/u;
