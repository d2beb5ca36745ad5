/**
 * What the bot says in its own name: the sentences of persona/notices in the configured language, read afresh each time
 * (a corrected notice counts from its next use), plus the few that the notice files have no key for.
 */
import { consentNotice, disclosure, fill, phrases } from '../consent/notice.ts';
import type { NoticeKey } from '../consent/notice.ts';
import type { BotSettings } from './deps.ts';

/** English in every language until the notice files have keys for them. */
const ownSentences = {
  confirmStop: 'Stop storing messages and replies? To confirm, write: !stop',
  notTheirChat: 'The person whose voice this is has not agreed to it in this chat.',
} as const;

export type SentenceKey = Exclude<NoticeKey, 'notice' | 'disclosure'> | keyof typeof ownSentences;

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
    phrase: (key, places = {}) => {
      if (key === 'confirmStop' || key === 'notTheirChat') return ownSentences[key];
      return fill(phrases(noticesDir, language)[key], { ...values, ...places });
    },
    notice: () => consentNotice(noticesDir, language, values),
    disclosure: () => disclosure(noticesDir, language, values),
  };
}
