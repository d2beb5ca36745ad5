/**
 * Text in a plain form that patterns can be read from, with the way back: invisible marks dropped, every kind of digit,
 * dash, dot and space made the ASCII one, full-width and styled letters narrow. What was found in it is a span of the
 * original text. One unit in is at most one unit out. Not covered: letters of other scripts that look alike.
 */

export interface PlainText {
  text: string;
  /** original offsets [start, end) of the characters start..end of `text` */
  span(start: number, end: number): { start: number; end: number };
}

/** @returns the text itself where it is ASCII */
export function toPlain(original: string): PlainText {
  if (/^[\t\n\r\x20-\x7e]*$/.test(original)) return { text: original, span: (start, end) => ({ start, end }) };
  let text = '';
  const starts: number[] = [];
  const ends: number[] = [];
  let offset = 0;
  for (const char of original) {
    const plain = char <= '~' ? char : plainChar(char);
    // what is dropped goes with the character before it, as the box of a keycap does
    if (plain === '' && ends.length > 0) ends[ends.length - 1] = offset + char.length;
    for (let unit = 0; unit < plain.length; unit++) {
      starts.push(offset);
      ends.push(offset + char.length);
    }
    text += plain;
    offset += char.length;
  }
  return { text, span: (start, end) => ({ start: starts[start]!, end: ends[end - 1]! }) };
}

/** Unicode has some 150,000 characters, so this stays small */
const known = new Map<string, string>();

function plainChar(char: string): string {
  let plain = known.get(char);
  if (plain === undefined) {
    plain = plainOf(char);
    known.set(char, plain);
  }
  return plain;
}

/** zero-width, bidi, soft hyphen, byte order mark; joiners and variation selectors; the box of keycaps; blank letters */
const invisible = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Me}\u2800]/u;

function plainOf(char: string): string {
  if (invisible.test(char)) return '';
  if (/\p{Nd}/u.test(char)) return String(digitValue(char.codePointAt(0)!));
  if (/[\p{Pd}\u2212\u2043]/u.test(char)) return '-';
  if (/\p{Zs}/u.test(char)) return ' ';
  if (/[\p{Zl}\p{Zp}\u0085]/u.test(char)) return '\n';
  if (/[·•∙⋅‧・･。｡․٫]/u.test(char)) return '.';
  if (/[⁄∕]/u.test(char)) return '/';
  const narrow = char.normalize('NFKC');
  return narrow.length === 1 && narrow >= '!' && narrow <= '~' ? narrow : char;
}

/** Unicode lists decimal digits in blocks of ten, zero first, each block on a multiple of ten from its zero. */
function digitValue(code: number): number {
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--;
  // neighbouring blocks (the mathematical digits) run into each other: they begin at U+1D7CE
  return code >= 0x1d7ce && code <= 0x1d7ff ? (code - 0x1d7ce) % 10 : code - zero;
}
