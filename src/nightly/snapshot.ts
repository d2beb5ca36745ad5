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
}

export function snapshot({ dataDir, speaker, timezone, redact }: SnapshotOptions): Dataset {
  const store = openStore(dataDir);
  try {
    const persona = store.people.resolve([personaAlias(speaker)]);
    const chats = store.messages.conversations(persona);
    const sealedMessages = store.messages.count() - chats.reduce((sum, { messages }) => sum + messages.length, 0);
    return buildDataset({ chats, timezone, sealedMessages, ...(redact === undefined ? {} : { redact }) });
  } finally {
    store.close();
  }
}
