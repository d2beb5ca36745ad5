/** GPT-2's spelling of bytes in tokenizer.json: one printable character for each. */

const printable = (byte: number): boolean =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
const bytes = Array.from({ length: 256 }, (_, byte) => byte);

/** The bytes by the code point of their character, Hugging Face's order: those that print, then the others. */
export const bytesInOrder: readonly number[] = [
  ...bytes.filter(printable),
  ...bytes.filter((byte) => !printable(byte)),
];

/** (256) bytes that print stand for themselves, the others for U+0100 and up, in order */
export const charOfByte: readonly string[] = (() => {
  const hidden = bytes.filter((byte) => !printable(byte));
  return bytes.map((byte) => String.fromCodePoint(printable(byte) ? byte : 256 + hidden.indexOf(byte)));
})();

const byteOfChar = new Map(charOfByte.map((char, byte) => [char, byte]));

export function spell(token: Uint8Array): string {
  return Array.from(token, (byte) => charOfByte[byte]!).join('');
}

/** Bytes of a token as tokenizer.json spells it, undefined where a character is not of the alphabet. */
export function unspell(name: string): Uint8Array | undefined {
  const token = Uint8Array.from({ length: name.length }, (_, i) => byteOfChar.get(name[i]!) ?? 0);
  return Array.from(name).every((char) => byteOfChar.has(char)) ? token : undefined;
}
