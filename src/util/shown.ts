/**
 * Text of other people in a terminal or a line of a log: what would move the cursor, colour the line, begin a new one or swap
 * what is read is written out, `\u001b`. Stored text is never changed by this.
 */

/** Controls, line separators, direction marks and isolates (Unicode Cc, Zl, Zp and Bidi_Control), and the byte order mark. */
const hidden = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\uFEFF]/gu;

/** A name or a phrase in one line, each hidden character as an escape of four hexadecimal digits. */
export function shown(text: string): string {
  return text.replace(hidden, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same for several lines: `\n` stays. */
export function shownLines(text: string): string {
  return text.split('\n').map(shown).join('\n');
}
