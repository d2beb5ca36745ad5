/** What the review page is handed: the store, and what only the running program can do. */
import type { RedactOptions } from '../consent/redact.ts';
import type { ModelEntry } from '../nightly/models.ts';
import type { Store } from '../store/store.ts';

export interface ReviewParts {
  store: Store;
  /** folder of the runs */
  modelsDir: string;
  /** folder of the base that tonight's training begins with; undefined: from scratch */
  base: string | undefined;
  dataDir: string;
  /** what the persona is called */
  personaName: string;
  /** `me`, or the name of the person whose voice is learned */
  speaker: string;
  /** IANA zone of dates on the page */
  timezone: string;
  /** only what was approved is trained on (persona.json: review) */
  reviewRequired: boolean;
  /** what training puts placeholders for */
  redaction: RedactOptions;
  people: {
    /** everything of this person as a JSON file: its name and content */
    data: (personId: number) => { name: string; content: string };
    /** the text of a consent notice by its hash; undefined: an earlier version */
    notice: (hash: string) => string | undefined;
    /** erase everything of this person, everywhere; the receipt is in the store then */
    forget: (personId: number) => Promise<void>;
  };
  bot: {
    /** replies are switched on in this chat */
    isOn: (chatId: number) => boolean;
    off: (chatId: number) => void;
    /** `22:00-08:00`, or null */
    quietHours: (chatId: number) => string | null;
    caps: { perChatSeconds: number; perChatHour: number; perDay: number };
    /** `persona start` runs with this database */
    isRunning: () => boolean;
  };
  models: {
    list: () => Promise<ModelEntry[]>;
    /** @throws UserError where that run may not speak */
    use: (run: string) => Promise<void>;
    rollBack: () => Promise<void>;
    retrain: () => 'started' | 'running';
  };
  /** how a night that runs gets on; null where none does */
  progress: () => NightProgress | null;
}

export interface NightProgress {
  phase: string;
  /** 0 to 1; null where nobody knows */
  share: number | null;
  secondsLeft: number | null;
}
