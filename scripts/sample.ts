/** The sample chat that ships with the project, imported as a user would with everybody's consent. Both are invented. */
import { join } from 'node:path';
import { importMessages } from '../src/store/import.ts';
import type { ImportResult } from '../src/store/import.ts';
import { openStore } from '../src/store/store.ts';
import { projectRoot } from '../src/util/dist.ts';
import { openExport } from '../src/exports/read.ts';

export const sample = {
  file: join(projectRoot, 'persona', 'sample', 'chat.txt'),
  persona: 'Juno Varga',
  shortName: 'Juno',
  other: 'Elias Brandt',
  timezone: 'Europe/London',
};

/** Into the store of this folder; a second time adds nothing. */
export async function importSample(dataDir: string): Promise<ImportResult> {
  const file = await openExport(sample.file);
  const store = openStore(dataDir);
  try {
    const personId = store.people.resolve(['me']);
    if (store.consent.state(personId, 'log').state !== 'granted') {
      const grant = { scope: 'log', action: 'granted', atMs: Date.now(), noticeHash: '', chatId: null } as const;
      store.consent.append({ personId, ...grant });
    }
    return await importMessages(store, file, {
      me: sample.persona,
      persona: sample.persona,
      speaker: 'me',
      attested: [sample.other],
      timezone: sample.timezone,
      minutePrecision: !file.hasSeconds,
      nowMs: Date.now(),
    });
  } finally {
    store.close();
  }
}
