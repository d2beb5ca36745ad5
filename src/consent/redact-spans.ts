/** What redaction is asked and what it answers. Shapes only. */

export type RedactionToken = 'phone' | 'email' | 'link' | 'card' | 'name' | 'secret';

/** [start, end) in UTF-16 units of the text */
export interface RedactedSpan {
  start: number;
  end: number;
  token: RedactionToken;
}

export interface RedactOptions {
  /** ISO 3166 codes whose national phone numbers to know */
  regions: readonly string[];
  /** names to hide, in any case */
  names?: readonly string[];
}
