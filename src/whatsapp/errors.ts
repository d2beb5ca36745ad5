/** Failures of WhatsApp Web and its browser: the class that callers tell apart, and words for the log without ids. */

/** A message was handed to WhatsApp and nobody knows what became of it: it may have left. Never send it again blindly. */
export class SendTimeout extends Error {
  constructor(detail: string) {
    super(`the message may have left: ${detail}`);
    this.name = 'SendTimeout';
  }
}

/** First line of an error for the log; runs of digits (phone numbers, ids) are masked. */
export function errorLine(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return (text.split('\n')[0] ?? '').replace(/\d{5,}/g, '#').slice(0, 200);
}
