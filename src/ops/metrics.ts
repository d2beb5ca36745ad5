/**
 * Metrics for Prometheus (prom-client). Labels are states and reasons from fixed lists, values are counts, bytes and
 * seconds: nothing here tells one chat or person from another.
 */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { GuardReason } from '../reply/guard.ts';
import type { Store } from '../store/store.ts';
import type { Verdict } from '../types.ts';
import { clientStates } from '../whatsapp/client.ts';
import type { ClientState } from '../whatsapp/client.ts';
import type { Health } from './health.ts';

export interface Metrics {
  /** content type of `text` */
  type: string;
  /** the text format of Prometheus */
  text(): Promise<string>;
  state(state: ClientState): void;
  refused(reason: GuardReason): void;
  composed: (latencyMs: number) => void;
  retrained(verdict: Verdict | 'failed'): void;
}

const latencyBucketsS = [0.1, 0.2, 0.35, 0.5, 0.7, 1, 1.5, 2.5, 5, 10, 30];

export interface MetricsSources {
  store: Store;
  health: Pick<Health, 'report'>;
  /** memory of Chromium in bytes; undefined: none runs, or nobody knows */
  browserBytes: () => number | undefined;
}

export function createMetrics({ store, health, browserBytes }: MetricsSources): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];

  /** A value that is looked up when somebody asks. */
  const asked = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  };
  const seconds = (ageMs: number | null): number => (ageMs === null ? Number.POSITIVE_INFINITY : ageMs / 1000);
  asked('persona_messages_stored', 'Messages in the database', () => store.messages.count());
  asked('persona_chats_collecting', 'Chats in which collecting is on', () => store.counts.switchedOn().collect);
  asked('persona_chats_replying', 'Chats in which replying is on', () => store.counts.switchedOn().bot);
  asked('persona_replies_last_day', 'Messages sent in reply within 24 hours, as the daily cap counts them', () => {
    return store.outbox.sentSince(null, Date.now() - 24 * 3_600_000).length;
  });
  asked('persona_database_bytes', 'Size of the database', () => store.counts.databaseBytes());
  asked('persona_database_write_age_seconds', 'Since a row was last committed as a check', () =>
    seconds(health.report().databaseAgeMs),
  );
  asked('persona_page_probe_age_seconds', 'Since the page of WhatsApp Web last answered', () =>
    seconds(health.report().pageAgeMs),
  );

  asked('persona_browser_memory_bytes', 'Memory of Chromium with all its processes', () => browserBytes() ?? 0);
  const browsers = new Counter({
    name: 'persona_browser_starts_total',
    help: 'Browsers that were started; all but the first replace one that broke, hung or grew',
    registers,
  });

  const states = new Gauge({
    name: 'persona_whatsapp_state',
    help: 'State of WhatsApp, 1 for the one that holds',
    labelNames: ['state'],
    registers,
  });
  const refusals = new Counter({
    name: 'persona_guard_refusals_total',
    help: 'Candidates that the guard refused',
    labelNames: ['reason'],
    registers,
  });
  const latency = new Histogram({
    name: 'persona_reply_seconds',
    help: 'From a complete burst to a reply that passed the guard, without the pause of a person',
    buckets: latencyBucketsS,
    registers,
  });
  const retrains = new Counter({
    name: 'persona_retrains_total',
    help: 'Retrains that were started by the clock, by outcome',
    labelNames: ['verdict'],
    registers,
  });

  const setState = (state: ClientState): void => {
    if (state === 'starting') browsers.inc();
    for (const each of clientStates) states.set({ state: each }, each === state ? 1 : 0);
  };
  for (const each of clientStates) states.set({ state: each }, each === 'starting' ? 1 : 0);
  return {
    type: registry.contentType,
    text: () => registry.metrics(),
    state: setState,
    refused: (reason) => refusals.inc({ reason }),
    composed: (latencyMs) => latency.observe(latencyMs / 1000),
    retrained: (verdict) => retrains.inc({ verdict }),
  };
}
