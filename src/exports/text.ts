/** What holds for the text of a message from any source. */

/** WhatsApp's own limit; no other messenger allows more. */
export const longestText = 65_536;

/** Why this is not the text of a message, to follow `the text`, or undefined. */
export function textProblem(text: string): string | undefined {
  if (text.length > longestText) return `is longer than ${longestText} characters`;
  if (text.includes('\0')) return 'holds a NUL character, which text does not hold';
  if (/\p{Surrogate}/u.test(text)) return 'holds half a surrogate pair, which is no character';
  return undefined;
}
