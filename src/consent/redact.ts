/**
 * Finds what leads to a person or opens a door, so that training sees a placeholder in its place: links, e-mail
 * addresses, phone numbers, cards and IBANs, codes and passwords, postal addresses (best effort), given names.
 * Measured by test/consent/redact.test.ts on the labelled set beside it. Not covered: names that were not given, numbers
 * spelled in words, pictures. Every pattern is linear: texts of strangers reach it. The originals stay in the store.
 */
import { sha256 } from '../util/files.ts';
import { findIbans } from './numbers-cards.ts';
import { findNumbers } from './numbers.ts';
import { toPlain } from './plain.ts';
import { findAddresses } from './redact-addresses.ts';
import { findDocuments } from './redact-documents.ts';
import { findEmails } from './redact-emails.ts';
import { findLinks } from './redact-links.ts';
import { findNames } from './redact-names.ts';
import { findKeys, findSecrets } from './redact-secrets.ts';
import type { RedactedSpan, RedactOptions } from './redact-spans.ts';

export { defaultRegions } from './redact-regions.ts';
export type { RedactedSpan, RedactionToken, RedactOptions } from './redact-spans.ts';

/** Spans to hide, sorted, not overlapping. The same text and options give the same spans. */
export function redactSpans(text: string, { regions, names = [] }: RedactOptions): RedactedSpan[] {
  const plain = toPlain(text);
  const found: RedactedSpan[] = [];
  let rest = plain.text;
  // what is found is blanked, so that a later pattern cannot find a part of it again
  const take = (spans: Iterable<RedactedSpan>): void => {
    const pieces: string[] = [];
    let end = 0;
    for (const span of [...spans].sort((a, b) => a.start - b.start || b.end - a.end)) {
      if (span.start < end || rest.slice(span.start, span.end).includes('\0')) continue;
      pieces.push(rest.slice(end, span.start), '\0'.repeat(span.end - span.start));
      end = span.end;
      found.push(span);
    }
    if (end > 0) rest = pieces.join('') + rest.slice(end);
  };
  take(findEmails(rest));
  take(findLinks(rest));
  take(findIbans(rest));
  take(findKeys(rest));
  take(findDocuments(rest));
  take(findNumbers(rest, regions));
  take(findSecrets(rest));
  take(findAddresses(rest));
  take(findNames(rest, names));
  return found.sort((a, b) => a.start - b.start).map(({ start, end, token }) => ({ ...plain.span(start, end), token }));
}

/** Raised with the rules: what was learned under other ones is learned again. */
const rulesVersion = 2;

/** Equal where equal texts are redacted alike; says nothing about the names to who does not know them. Hex. */
export function redactionId({ regions, names = [] }: RedactOptions): string {
  return sha256(JSON.stringify([rulesVersion, [...regions].sort(), [...names].sort()]));
}

/** The same as a function of the text alone, as encoders take it. */
export function redactorOf(options: RedactOptions): (text: string) => readonly RedactedSpan[] {
  return (text) => redactSpans(text, options);
}

/**
 * The same, each text looked at once: for a training run, which asks several times and ends. It holds on to the texts, so
 * nothing that lives on may use it.
 */
export function rememberingRedactor(options: RedactOptions): (text: string) => readonly RedactedSpan[] {
  const known = new Map<string, readonly RedactedSpan[]>();
  return (text) => {
    let spans = known.get(text);
    if (spans === undefined) {
      spans = redactSpans(text, options);
      known.set(text, spans);
    }
    return spans;
  };
}
