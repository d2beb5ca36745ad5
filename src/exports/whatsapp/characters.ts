/**
 * The characters that exported chats are full of: direction marks, unusual spaces, digits of many scripts.
 * Text of messages is never changed here; these functions serve recognising headers, names and placeholders.
 */

/** Code points of the digit zero in the scripts of the Basic Multilingual Plane (Unicode Nd, nine more follow each). */
const zeros = [
  0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0, 0xf20,
  0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0,
  0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];

/** The zero of the script that a digit belongs to, or -1 for anything else. */
export function zeroOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return 0x30;
  if (code < 0x660) return -1;
  for (const zero of zeros) if (code >= zero && code < zero + 10) return zero;
  return -1;
}

/** Direction marks, embeddings, isolates, Syriac abbreviation mark, zero-width space and byte order mark: invisible, of no meaning in a header. */
export function isMark(code: number): boolean {
  return (
    (code >= 0x200e && code <= 0x200f) ||
    (code >= 0x202a && code <= 0x202e) ||
    (code >= 0x2066 && code <= 0x2069) ||
    code === 0x61c ||
    code === 0x70f ||
    code === 0x200b ||
    code === 0xfeff
  );
}

/** Any white space within a line: space, tab, no-break, narrow no-break, thin, ideographic. */
export function isSpace(code: number): boolean {
  return (
    code === 0x20 ||
    code === 0x09 ||
    code === 0xa0 ||
    code === 0x202f ||
    code === 0x3000 ||
    code === 0x1680 ||
    code === 0x205f ||
    (code >= 0x2000 && code <= 0x200a)
  );
}

/** The UTF-16 units of a text, as numbers. */
export function unitsOf(text: string): number[] {
  return Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}

/** The marks that WhatsApp puts before text of its own (U+200E in left-to-right languages, U+200F in others). */
export const ownTextMark = /^[\u200E\u200F]+/;

export function stripMarks(text: string): string {
  return text.replace(/[\u061C\u200B\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/g, '');
}

/** A name as a person would type it: no marks, plain single spaces. `~ Jo` and phone numbers come with unusual ones. */
export function plainName(name: string): string {
  return stripMarks(name).replace(/\s+/g, ' ').trim();
}

/** A phrase for looking up: no marks, one case, plain spaces, without `<` `>` around it and a full stop after it. */
export function foldPhrase(text: string): string {
  const isPlain = /^[\x21-\x7E]+(?: [\x21-\x7E]+)*$/.test(text); // printable ASCII with single spaces, as most placeholders are
  const plain = isPlain
    ? text.toLowerCase()
    : stripMarks(text).normalize('NFC').toLowerCase().replace(/\s+/g, ' ').trim();
  const bare = plain.startsWith('<') && plain.endsWith('>') ? plain.slice(1, -1).trim() : plain;
  return /[.。।]$/.test(bare) ? bare.slice(0, -1).trimEnd() : bare;
}
