/**
 * Names that the user wants hidden, in plain text (plain.ts): in any case, with or without accents, with the endings that
 * languages put on names where these are cheap to tell (`Annas`, `Anna's`, `Анны`, `Ahmet'in`, `안나가`, `لأنا`).
 * Not covered: nicknames, typing errors, and names that were not given.
 */
import type { RedactedSpan } from './redact-spans.ts';

const minChars = 2;
/** what may follow a name of letters with cases */
const ending = /^(?:['’`]\p{L}{1,5}|['’`](?!\p{L}))/u;
/** endings without an apostrophe; after a name that ends in a vowel the vowel may go */
const slavic = /^(?:ами|ями|ах|ях|ов[аыуоие]|ого|ому|ой|ей|ою|ею|ом|ем|ём|ам|ям|[аяыиеуюо])$/u;
const latinAfterA = /^(?:[yęą]|ie|ou|ii|ei)$/u;
const latinAfterConsonant = /^(?:a|u|em|iem|om|owi|ovi|e?s)$/u;

/** @returns spans, longest names first; they may overlap */
export function* findNames(text: string, names: readonly string[]): Generator<RedactedSpan> {
  if (names.length === 0) return;
  const folded = foldText(text);
  for (const name of [...new Set(names.map((each) => foldText(each.trim())))].sort((a, b) => b.length - a.length)) {
    if (name.length < minChars) continue;
    const stem = stemOf(name);
    for (let start = folded.indexOf(stem); start >= 0; start = folded.indexOf(stem, start + 1)) {
      const end = endOfName(folded, start, name, stem);
      if (end === undefined || !isWordStart(folded, start)) continue;
      yield { start, end, token: 'name' };
    }
  }
}

/** scripts that put words together without spaces, or particles after them */
const glues =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Khmer}\p{Script=Lao}\p{Script=Myanmar}]/u;
const isWordChar = (char: string | undefined): boolean => char !== undefined && /[\p{L}\p{M}\p{N}]/u.test(char);

function isWordStart(text: string, start: number): boolean {
  if (!isWordChar(text[start - 1]) || glues.test(text[start]!)) return true;
  if (glues.test(text[start - 1]!)) return true;
  // one-letter words that Arabic and Hebrew write together with the next
  const before = /(?<![\p{L}\p{M}\p{N}])(?:[وفبلك]{1,2}|[ובלכמשה]{1,2})$/u;
  return before.test(text.slice(Math.max(0, start - 3), start));
}

function endOfName(text: string, start: number, name: string, stem: string): number | undefined {
  const isWhole = text.startsWith(name, start);
  const end = start + (isWhole ? name.length : stem.length);
  const last = name.at(-1)!;
  const rest = text.slice(end, end + 8);
  if (isWhole && (!isWordChar(rest[0]) || glues.test(last) || glues.test(rest[0]!))) {
    return end + (ending.exec(rest)?.[0].replace(/['’`]$/, '').length ?? 0);
  }
  const suffix = /^[\p{L}\p{M}]{1,4}(?![\p{L}\p{M}\p{N}])/u.exec(rest)?.[0];
  if (suffix === undefined || name.length < 3) return undefined;
  const isCyrillic = /\p{Script=Cyrillic}/u.test(last);
  if (isCyrillic) return slavic.test(suffix) ? end + suffix.length : undefined;
  if (!/\p{Script=Latin}/u.test(last)) return undefined;
  if (isWhole && suffix === 's') return end + 1;
  const endings =
    last === 'a' && !isWhole ? latinAfterA : /[aeiouy]/.test(last) || !isWhole ? undefined : latinAfterConsonant;
  return name.length > 3 && endings?.test(suffix) === true ? end + suffix.length : undefined;
}

/** without the vowel that a declension changes */
function stemOf(name: string): string {
  const isLong = name.length > 3;
  return isLong && /[аяйьa]$/u.test(name) ? name.slice(0, -1) : name;
}

/** Lower case without accents, of the same length, so that offsets fit. */
export function foldText(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text.toLowerCase() : Array.from(text, foldChar).join('');
}

function foldChar(char: string): string {
  if (char <= '\x7f') return char.toLowerCase();
  const lower = char.toLowerCase();
  const same = lower.length === char.length ? lower : char; // İ becomes two units
  if (!/\p{Script=Latin}/u.test(same)) return same === 'ё' ? 'е' : same;
  const base = same.normalize('NFD')[0]!;
  return base.length === char.length ? base : same;
}
