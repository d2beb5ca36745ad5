/**
 * What the bot is handed, and the numbers it goes by. Everything that touches the network, the model or the clock comes
 * in from outside, so that the same code runs in tests with a real store and a fake phone.
 */
import type { RedactOptions } from '../consent/redact.ts';
import type { GuardReason } from '../reply/guard.ts';
import type { Voice } from '../reply/voice.ts';
import type { Store } from '../store/store.ts';
import type { SamplingOptions } from '../types.ts';
import type { Logger } from '../util/log.ts';
import type { Random } from '../util/random.ts';
import type { ReplyCaps } from './caps.ts';
import type { Host } from './host.ts';

export interface BotSettings {
  /** what the persona is called in notices */
  personaName: string;
  /** language tag of the sentences the bot says */
  language: string;
  /** `me`, or the `speaker` of persona.json */
  speaker: string;
  /** IANA zone of the quiet hours */
  timezone: string;
  /** digits only, with country code */
  ownerNumbers: string[];
  replies: {
    quote: 'auto' | 'always' | 'never';
    caps: ReplyCaps;
    typing: 'learned' | 'instant';
    /** `22:00-08:00`, or null */
    quietHours: string | null;
    /** the owner writing in a chat pauses the bot there for so long */
    takeoverMinutes: number;
  };
  sampling: SamplingOptions;
  /** what training and prompts hide: the guard lets none of it out that the chat does not hold */
  redaction: RedactOptions;
  /** folder of `<language>.json` */
  noticesDir: string;
}

/** Told what happens, for metrics: reasons and durations, never text. */
export interface BotObserver {
  /** the guard refused a candidate */
  refused: (reason: GuardReason) => void;
  /** a candidate was found, so many ms after the burst was complete; pauses are not in it */
  composed: (latencyMs: number) => void;
}

export interface BotDeps extends Host {
  store: Store;
  log: Logger;
  /** unix ms */
  now: () => number;
  random: Random;
  settings: BotSettings;
  /** Resolves with the message id. Rejects with an error named `SendTimeout` (may have left) or another (did not leave). */
  send: (chatId: string, text: string, options?: { quotedId?: string }) => Promise<string>;
  setTyping: (chatId: string, typing: boolean) => Promise<void>;
  /** all ids of a person; cached by the client */
  aliases: (id: string) => Promise<string[]>;
  speak: Voice['speak'];
  /** is there a run of one's own to serve? */
  hasRun: () => boolean;
  observe?: BotObserver;
  /** Resolves after so many ms; given so that tests need not wait. */
  wait?: (ms: number) => Promise<void>;
  /** Default: `writeTogetherMs`; 0: each message is written by itself. */
  togetherMs?: number;
}

/** Messages that come within so long of the last write (longer where writing is slow) are written together; no command waits. */
export const writeTogetherMs = 40;

/** Owner's and visitors' commands older than this are not obeyed. */
export const commandFreshMs = 5 * 60_000;
/** Messages older than this are not answered. */
export const answerFreshMs = 10 * 60_000;
/** The bot says again what it is after this long. */
export const disclosureEveryMs = 30 * 24 * 3_600_000;
/** `!bot on` needs this many messages in the persona's voice. */
export const minPersonaMessages = 300;
/** Messages of one reply. */
export const maxBubbles = 4;
/** Stored messages offered to the prompt; as many as fit are used. */
export const contextMessages = 64;
/** A chat counts as quiet after this long without a new message. */
export const quietAfterMs = { learned: 4000, instant: 50 } as const;
/** Time for sampling candidates; with ranking them and the rest a reply takes less than 0.7 s (bench/reply.ts). */
export const samplingBudgetMs = 350;
