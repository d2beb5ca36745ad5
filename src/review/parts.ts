/** What the review page is handed: the store, and what only the running program can do. */
import type { RedactOptions } from '../consent/redact.ts';
import type { ModelEntry } from '../nightly/models.ts';
import type { Playground } from '../reply/playground.ts';
import type { Store } from '../store/store.ts';
import type { SamplingOptions } from '../types.ts';
import type { Link } from './link.ts';

/** how often it may answer: seconds between replies of a chat, replies an hour in a chat, replies a day in all */
export interface Caps {
  perChatSeconds: number;
  perChatHour: number;
  perDay: number;
}

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
    offEverywhere: () => void;
    isOffEverywhere: () => boolean;
    /** chats that `onAsBefore` would switch on: what `offEverywhere` switched off */
    onBefore: () => number[];
    onAsBefore: () => void;
    /** `22:00-08:00`, or null, as it holds in this chat; with null, in every chat of which nothing else was said */
    quietHours: (chatId: number | null) => string | null;
    /** what was said of exactly this; undefined: nothing */
    saidQuietHours: (chatId: number | null) => string | null | undefined;
    /** @param hours null: none; undefined: what was said of this holds no more */
    setQuietHours: (chatId: number | null, hours: string | null | undefined) => void;
    caps: () => Caps;
    /** @param caps null: as persona.json says */
    setCaps: (caps: Caps | null) => void;
    /** what persona.json says */
    defaults: { quietHours: string | null; caps: Caps };
    /** `persona start` runs with this database */
    isRunning: () => boolean;
    /** the link to WhatsApp; null: another program has it */
    link: () => Link | null;
  };
  models: {
    list: () => Promise<ModelEntry[]>;
    /** @throws UserError where that run may not speak */
    use: (run: string) => Promise<void>;
    rollBack: () => Promise<void>;
    retrain: () => 'started' | 'running';
  };
  /** runs to talk to, in a worker of their own */
  playground: {
    voice: Playground;
    /** what chats are answered with */
    sampling: SamplingOptions;
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
