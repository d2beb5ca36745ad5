/**
 * What the running program knows of itself, for its screen, for `/healthz` and for systemd: states, counts and times.
 * Never a name, a number or a word of any message.
 */
import type { Store } from '../store/store.ts';
import type { Verdict } from '../types.ts';
import type { ClientState } from '../whatsapp/client.ts';

export interface RetrainProgress {
  /** what is being done: `training`, … */
  phase: string;
  /** 0 to 1, of the training; null before and after it */
  share: number | null;
  secondsLeft: number | null;
}

export interface Facts {
  startedAtMs: number;
  whatsapp: { state: ClientState; sinceMs: number };
  /** chats in which collecting, and in which replying is switched on */
  chats: { collect: number; bot: number };
  /** live messages with a time of today; all that is stored */
  messages: { today: number; total: number };
  /** sent today; within the last 24 hours, which the daily cap counts; candidates that the guard refused since the start */
  replies: { today: number; lastDay: number; refused: number };
  /** id of the run that answers; null: none yet */
  run: string | null;
  retrain: {
    /** null: never by itself */
    nextAtMs: number | null;
    /** null: none runs */
    progress: RetrainProgress | null;
    last: { verdict: Verdict | 'failed'; reason: string; atMs: number } | null;
  };
  /** the newest copy of the database */
  backup: { atMs: number; bytes: number } | null;
  /** the last warning or error; a constant sentence of this program */
  problem: { text: string; atMs: number } | null;
}

export interface StatusSources {
  store: Store;
  now: () => number;
  /** midnight before this moment, in the persona's time zone */
  startOfDay: (nowMs: number) => number;
  servingRun: () => string | null;
  nextRetrain: () => number | null;
  newestBackup: () => { atMs: number; bytes: number } | null;
}

export interface Status {
  facts(): Facts;
  state(state: ClientState): void;
  problem(text: string): void;
  refused(): void;
  retraining(progress: RetrainProgress | null): void;
  retrained(verdict: Verdict | 'failed', reason: string): void;
}

const dayMs = 24 * 3_600_000;

export function createStatus(sources: StatusSources): Status {
  const { store, now, startOfDay } = sources;
  const startedAtMs = now();
  let whatsapp: Facts['whatsapp'] = { state: 'starting', sinceMs: startedAtMs };
  let problem: Facts['problem'] = null;
  let progress: RetrainProgress | null = null;
  let last: Facts['retrain']['last'] = null;
  let refused = 0;
  return {
    facts: () => {
      const nowMs = now();
      const today = startOfDay(nowMs);
      return {
        startedAtMs,
        whatsapp,
        chats: store.counts.switchedOn(),
        messages: { today: store.counts.liveSince(today), total: store.messages.count() },
        replies: {
          today: store.outbox.sentSince(null, today).length,
          lastDay: store.outbox.sentSince(null, nowMs - dayMs).length,
          refused,
        },
        run: sources.servingRun(),
        retrain: { nextAtMs: sources.nextRetrain(), progress, last },
        backup: sources.newestBackup(),
        problem,
      };
    },
    state: (state) => {
      if (state !== whatsapp.state) whatsapp = { state, sinceMs: now() };
    },
    problem: (text) => {
      problem = { text, atMs: now() };
    },
    refused: () => {
      refused++;
    },
    retraining: (next) => {
      progress = next;
    },
    retrained: (verdict, reason) => {
      progress = null;
      last = { verdict, reason, atMs: now() };
    },
  };
}
