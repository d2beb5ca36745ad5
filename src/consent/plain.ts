/**
 * Text in a plain form that patterns can be read from, with the way back: invisible marks dropped, every kind of digit,
 * dash and space made the ASCII one, full-width letters narrow. What was found in it is a span of the original text.
 */

export interface PlainText {
  text: string;
  /** original offsets [start, end) of the characters start..end of `text` */
  span(start: number, end: number): { start: number; end: number };
}

export function toPlain(original: string): PlainText {
  let text = '';
  const starts: number[] = [];
  const ends: number[] = [];
  let offset = 0;
  for (const char of original) {
    const plain = plainChar(char);
    for (let unit = 0; unit < plain.length; unit++) {
      starts.push(offset);
      ends.push(offset + char.length);
    }
    text += plain;
    offset += char.length;
  }
  return { text, span: (start, end) => ({ start: starts[start]!, end: ends[end - 1]! }) };
}

function plainChar(char: string): string {
  if (char >= ' ' && char <= '~') return char;
  if (/[\p{Cf}\u034f\ufe0f]/u.test(char)) return ''; // zero-width, bidi, soft hyphen, byte order mark
  if (/\p{Nd}/u.test(char)) return String(digitValue(char.codePointAt(0)!));
  if (/\p{Pd}|\u2212/u.test(char)) return '-';
  if (/\p{Zs}/u.test(char)) return ' ';
  const code = char.codePointAt(0)!;
  return code >= 0xff01 && code <= 0xff5e ? String.fromCharCode(code - 0xfee0) : char;
}

/** Unicode lists decimal digits in blocks of ten, zero first, each block on a multiple of ten from its zero. */
function digitValue(code: number): number {
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--;
  // neighbouring blocks (the mathematical digits) run into each other: they begin at U+1D7CE
  return code >= 0x1d7ce && code <= 0x1d7ff ? (code - 0x1d7ce) % 10 : code - zero;
}
