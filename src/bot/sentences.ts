/**
 * What the bot says in its own name: the sentences of persona/notices in the configured language, read afresh each time
 * (a corrected notice counts from its next use).
 */
import { consentNotice, disclosure, fill, phrases } from '../consent/notice.ts';
import type { NoticeKey } from '../consent/notice.ts';
import type { BotSettings } from './deps.ts';

export type SentenceKey = Exclude<NoticeKey, 'notice' | 'disclosure'>;

export interface Sentences {
  /** a whole sentence with its places filled */
  phrase: (key: SentenceKey, values?: Readonly<Record<string, string | number>>) => string;
  /** the question put to a contact, and the hash that goes into the ledger with the answer */
  notice: () => { text: string; hash: string };
  /** what the bot says of itself in its first reply */
  disclosure: () => string;
}

export function createSentences({
  noticesDir,
  language,
  personaName,
}: Pick<BotSettings, 'noticesDir' | 'language' | 'personaName'>): Sentences {
  const values = { persona: personaName };
  return {
    phrase: (key, places = {}) => fill(phrases(noticesDir, language)[key], { ...values, ...places }),
    notice: () => consentNotice(noticesDir, language, values),
    disclosure: () => disclosure(noticesDir, language, values),
  };
}
