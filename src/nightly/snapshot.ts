/** What may be trained on now: consented rows of the store as a dataset. The database is closed again at once. */
import type { Dataset } from '../dataset/build.ts';
import { buildDataset } from '../dataset/build.ts';
import { personaAlias } from '../store/import.ts';
import { openStore } from '../store/store.ts';
import type { RedactSpans } from '../tokenizer/chat-format.ts';

export interface SnapshotOptions {
  dataDir: string;
  /** `me`, or the name of the person whose voice is learned */
  speaker: string;
  /** IANA name */
  timezone: string;
  /** count in the manifest what this hides; costs a look at every text */
  redact?: RedactSpans;
  /** only what was approved on the review page */
  reviewRequired?: boolean | undefined;
}

export function snapshot({ dataDir, speaker, timezone, redact, reviewRequired }: SnapshotOptions): Dataset {
  const store = openStore(dataDir);
  try {
    const persona = store.people.resolve([personaAlias(speaker)]);
    const { chats, leftOut } = store.messages.trainable(persona, { reviewRequired });
    const handedOut = chats.reduce((sum, { messages }) => sum + messages.length, 0);
    const reviewed = leftOut.rejectedMessages + leftOut.excludedMessages + leftOut.undecidedMessages;
    const sealedMessages = store.messages.count() - handedOut - reviewed;
    const counts = { sealedMessages, reviewed: leftOut };
    return buildDataset({ chats, timezone, ...counts, ...(redact === undefined ? {} : { redact }) });
  } finally {
    store.close();
  }
}
