/** What may be trained on now: consented rows of the store as a dataset. The database is closed again at once. */
import type { Dataset } from '../dataset/build.ts';
import { buildDataset } from '../dataset/build.ts';
import { personaAlias } from '../store/import.ts';
import { openStore } from '../store/store.ts';

export interface SnapshotOptions {
  dataDir: string;
  /** `me`, or the name of the person whose voice is learned */
  speaker: string;
  /** IANA name */
  timezone: string;
}

export function snapshot({ dataDir, speaker, timezone }: SnapshotOptions): Dataset {
  const store = openStore(dataDir);
  try {
    const persona = store.people.resolve([personaAlias(speaker)]);
    return buildDataset({ chats: store.messages.conversations(persona), timezone });
  } finally {
    store.close();
  }
}
