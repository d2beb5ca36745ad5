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

const codes = charOfByte.map((char) => char.charCodeAt(0));
/** (largest code unit of the alphabet + 1) byte of each code unit, -1 for those that are none of it */
const byteOfCode = Int32Array.from({ length: Math.max(...codes) + 1 }, (_, code) => codes.indexOf(code));

export function spell(token: Uint8Array): string {
  return Array.from(token, (byte) => charOfByte[byte]!).join('');
}

/** Bytes of a token as tokenizer.json spells it, undefined where a character is not of the alphabet. */
export function unspell(name: string): Uint8Array | undefined {
  const token = new Uint8Array(name.length);
  for (let i = 0; i < name.length; i++) {
    const byte = byteOfCode[name.charCodeAt(i)] ?? -1;
    if (byte === -1) return undefined;
    token[i] = byte;
  }
  return token;
}
