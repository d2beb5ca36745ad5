/**
 * Text -> hashes by which a copied phrase is found again without keeping a second copy of the text. The store writes
 * them beside each message, the reply guard looks replies up by them; both must fold text in exactly the same way.
 * A change here needs a migration that hashes every stored message again.
 * Not covered: paraphrase, changed words, leetspeak. This reduces copying; it cannot prevent it.
 */
import { hash } from 'node:crypto';

/** Words in a phrase that counts as copied; shorter messages are compared as a whole. */
export const phraseWords = 6;

/** Characters of scripts written without spaces that make one "word": six overlapping ones are eight characters. */
const denseWordChars = 3;
const denseRun =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu;

/** text on which most of the folding does nothing */
const plain = /^[\n\x20-\x7e]*$/;

export interface PhraseHashes {
  /** signed 64-bit hash of every run of six consecutive words, each once */
  sixes: bigint[];
  /** hash of the whole message where it has one to five words, else null */
  short: bigint | null;
}

/**
 * The words of a text with everything removed by which a copy could be disguised: compatibility forms (NFKC), case,
 * accents, punctuation, symbols, zero-width and bidi marks, white space. Apostrophes join (`don't` = `dont`), every
 * other mark separates.
 */
export function foldWords(text: string): string[] {
  if (plain.test(text))
    return wordsOf(
      text
        .toLowerCase()
        .replace(/['`]/g, '')
        .replace(/[^a-z0-9]+/g, ' '),
    );
  const folded = text
    .normalize('NFKC')
    .toUpperCase() // there and back: ß is SS in capitals, so both become ss
    .toLowerCase()
    .replaceAll('ς', 'σ')
    .normalize('NFD')
    .replace(/[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}'’‘ʼ`´]/gu, '')
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .replace(denseRun, (run) => ` ${denseWords(run).join(' ')} `);
  return wordsOf(folded);
}

function wordsOf(folded: string): string[] {
  return folded.split(' ').filter((word) => word !== '');
}

/** Hashes of one message (or one reply). Text without any letter or digit has none. */
export function phraseHashes(text: string): PhraseHashes {
  const words = foldWords(text);
  if (words.length === 0) return { sixes: [], short: null };
  if (words.length < phraseWords) return { sixes: [], short: hash64(words.join(' ')) };
  const sixes = new Set<bigint>();
  for (let start = 0; start + phraseWords <= words.length; start++) {
    sixes.add(hash64(words.slice(start, start + phraseWords).join(' ')));
  }
  return { sixes: [...sixes], short: null };
}

function denseWords(run: string): string[] {
  const chars = [...run];
  if (chars.length <= denseWordChars) return [run];
  const words: string[] = [];
  for (let start = 0; start + denseWordChars <= chars.length; start++) {
    words.push(chars.slice(start, start + denseWordChars).join(''));
  }
  return words;
}

/** First 8 bytes of SHA-256, signed as SQLite's INTEGER is. */
function hash64(text: string): bigint {
  return hash('sha256', text, 'buffer').readBigInt64BE(0);
}
