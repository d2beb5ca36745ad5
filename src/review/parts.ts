/** What the review page is handed: the store, and what only the running program can do. */
import type { Store } from '../store/store.ts';

export interface ReviewParts {
  store: Store;
  /** folder of the runs */
  modelsDir: string;
  dataDir: string;
  /** what the persona is called */
  personaName: string;
  /** `me`, or the name of the person whose voice is learned */
  speaker: string;
  /** IANA zone of dates on the page */
  timezone: string;
  bot: {
    /** replies are switched on in this chat */
    isOn: (chatId: number) => boolean;
    off: (chatId: number) => void;
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
