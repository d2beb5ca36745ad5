/**
 * Regular expressions of tokenizer.json, which Hugging Face runs with Oniguruma, as JavaScript's for the flag `u`. White
 * space, digits and word characters are Unicode's there; `(?i:...)` is written out, since Node 20 knows no inline flags.
 * Not covered, and refused: anchors, possessive and atomic groups, nested and POSIX classes, names, back references.
 * Oniguruma's case folding of two letters at once (`ss` and `ß`) is left out.
 */

/** What a pattern has that is not covered; the reader of the file says where. */
export class PatternError extends Error {}

/** An escape: one character, or a class (what stands in brackets, and whether its complement is meant). */
type Escape = { char: string } | { items: string; negated: boolean };

const controls: Readonly<Record<string, string>> = {
  t: '\t',
  n: '\n',
  r: '\r',
  f: '\f',
  v: '\v',
  a: '\x07',
  e: '\x1b',
};
const classes: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  d: '\\p{Nd}',
  w: '\\p{L}\\p{M}\\p{Nd}\\p{Pc}',
};
/** Characters that fold to an ASCII letter besides its other case. */
const alsoFolded: Readonly<Record<string, string>> = { s: '\u017f', k: '\u212a' };
const opening = /\((?:\?(?:[:=!]|<[=!]|-?i:))?/y;
const quantifier = /[*+?]|\{(?:\d+|\d*,\d*)\}/y;

/** @throws PatternError naming what is not covered */
export function fromOniguruma(source: string): string {
  let at = 0;
  let out = '';
  const caseless = [false];
  const take = (regex: RegExp): RegExpExecArray | null => {
    regex.lastIndex = at;
    const match = regex.exec(source);
    if (match) at += match[0].length;
    return match;
  };
  const next = (): string => {
    const char = String.fromCodePoint(source.codePointAt(at)!);
    at += char.length;
    return char;
  };

  const escape = (): Escape => {
    if (at >= source.length) throw new PatternError('ends in a backslash');
    const property = take(/(p)\{(\^?)([a-z_ -]+)\}/iy);
    if (property) {
      const [, letter, caret, name = ''] = property;
      return { items: `\\p{${propertyName(name)}}`, negated: (letter === 'P') !== (caret === '^') };
    }
    const code = take(/u([\dA-Fa-f]{4})|x\{([\dA-Fa-f]{1,6})\}|x([0-7][\dA-Fa-f])/y);
    if (code) return { char: String.fromCodePoint(parseInt(code[1] ?? code[2] ?? code[3] ?? '', 16)) };
    const char = next();
    if (controls[char] !== undefined) return { char: controls[char] };
    const items = classes[char.toLowerCase()];
    if (items !== undefined) return { items, negated: char !== char.toLowerCase() };
    if (/[\p{L}\p{N}]/u.test(char)) throw new PatternError(`has \\${char}`);
    return { char };
  };

  /** One character, or one range, as it stands in brackets. */
  const inBrackets = (from: string, to = from): string => {
    if (from > to) throw new PatternError(`has the empty range ${from}-${to}`);
    const span = from === to ? literal(from) : `${literal(from)}-${literal(to)}`;
    if (!caseless.at(-1)) return span;
    if (from === to) return folded(from).map(literal).join('');
    if (/^\d\d$/u.test(from + to)) return span;
    throw new PatternError('has a range of letters within (?i:...)');
  };

  const bracketed = (): string => {
    let items = '';
    const caret = take(/\^/y) ? '^' : '';
    if (source[at] === ']') throw new PatternError('has a class that starts with ]');
    while (source[at] !== ']') {
      if (at >= source.length) throw new PatternError('has a class without an end');
      if (source.startsWith('[', at) || source.startsWith('&&', at))
        throw new PatternError('has a class within a class');
      const item = member();
      if (typeof item !== 'string') {
        items += complement(item);
        continue;
      }
      const isRange = source[at] === '-' && source[at + 1] !== ']' && at + 1 < source.length;
      if (!isRange) {
        items += inBrackets(item);
        continue;
      }
      at++;
      const end = member();
      if (typeof end !== 'string') throw new PatternError('has a range that ends in a class');
      items += inBrackets(item, end);
    }
    at++;
    return `[${caret}${items}]`;
  };
  const member = (): string | Exclude<Escape, { char: string }> => {
    const char = next();
    if (char !== '\\') return char;
    const escaped = escape();
    return 'char' in escaped ? escaped.char : escaped;
  };
  const complement = ({ items, negated }: Exclude<Escape, { char: string }>): string => {
    if (caseless.at(-1)) throw new PatternError('has a class of characters within (?i:...)');
    if (!negated) return items;
    if (items.lastIndexOf('\\p') > 0) throw new PatternError('has \\W within a class');
    return items.replace('\\p', '\\P');
  };

  while (at < source.length) {
    const group = take(opening);
    if (group) {
      const [open] = group;
      if (open === '(' && source[at] === '?') throw new PatternError(`has ${source.slice(at - 1, at + 3)}`);
      caseless.push(open.endsWith('i:') ? open === '(?i:' : caseless.at(-1) === true);
      out += open === '(' || open.endsWith('i:') ? '(?:' : open;
      continue;
    }
    const repeat = take(quantifier);
    if (repeat) {
      const [text] = repeat;
      if (text === '{,}') throw new PatternError(`has ${text}`);
      if (source[at] === '+') throw new PatternError(`has the possessive ${text}+`);
      if (source[at] === '?' && /^\{\d+\}$/u.test(text)) throw new PatternError(`has ${text}?`);
      out += text.startsWith('{,') ? `{0${text.slice(1)}` : text;
      if (take(/\?/y)) out += '?';
      continue;
    }
    const char = next();
    if (char === ')') {
      caseless.pop();
      if (caseless.length === 0) throw new PatternError('closes a group that is not open');
      out += char;
    } else if (char === '|') out += char;
    else if (char === '.') out += '[^\\n]';
    else if (char === '[') out += bracketed();
    else if (char === '^' || char === '$' || char === '{') throw new PatternError(`has ${char}`);
    else {
      const escaped = char === '\\' ? escape() : { char };
      if ('items' in escaped) out += escaped.items.lastIndexOf('\\p') > 0 ? outside(escaped) : complement(escaped);
      else {
        const forms = caseless.at(-1) ? folded(escaped.char) : [escaped.char];
        out += forms.length === 1 ? literal(escaped.char) : `[${forms.map(literal).join('')}]`;
      }
    }
  }
  if (caseless.length > 1) throw new PatternError('leaves a group open');
  return out;
}

const outside = ({ items, negated }: { items: string; negated: boolean }): string => `[${negated ? '^' : ''}${items}]`;

/** A pattern for one fixed string. */
export const literalPattern = (text: string): string => Array.from(text, literal).join('');

function literal(char: string): string {
  return /[A-Za-z0-9 ']/u.test(char) ? char : `\\u{${char.codePointAt(0)!.toString(16)}}`;
}

function folded(char: string): string[] {
  if (char > '\x7f') throw new PatternError('has a letter beyond ASCII within (?i:...)');
  const lower = char.toLowerCase();
  const upper = char.toUpperCase();
  return lower === upper ? [char] : [lower, upper, ...(alsoFolded[lower] ?? '')];
}

/** A name that both know: a general category or binary property, or a script, which Oniguruma names without `Script=`. */
function propertyName(name: string): string {
  for (const candidate of [name, `Script=${name}`]) {
    try {
      new RegExp(`\\p{${candidate}}`, 'u');
      return candidate;
    } catch {
      continue;
    }
  }
  throw new PatternError(`has \\p{${name}}`);
}
