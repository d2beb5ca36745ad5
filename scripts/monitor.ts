/**
 * What others see of a running `persona start`: the live screen, `/healthz` and `/metrics`, systemd. Put together from
 * src/ops; told of events, it shows states, counts and times.
 */
import { setInterval } from 'node:timers';
import { DateTime } from 'luxon';
import { readCurrent } from '../src/checkpoint/current.ts';
import { beatEveryMs, startHealth } from '../src/ops/health.ts';
import type { Beat, Health } from '../src/ops/health.ts';
import { serveLocally } from '../src/ops/http.ts';
import type { LocalServer } from '../src/ops/http.ts';
import { createMetrics } from '../src/ops/metrics.ts';
import { createNotifier } from '../src/ops/notify.ts';
import { createStatus } from '../src/ops/status.ts';
import type { Facts } from '../src/ops/status.ts';
import { createWatchdog } from '../src/ops/watchdog.ts';
import type { BotObserver } from '../src/bot/deps.ts';
import { capsNow } from '../src/bot/switches.ts';
import type { Store } from '../src/store/store.ts';
import { errorCode } from '../src/util/errors.ts';
import type { Logger } from '../src/util/log.ts';
import type { ClientState } from '../src/whatsapp/client.ts';
import { errorLine } from '../src/whatsapp/errors.ts';
import type { Context } from './context.ts';
import type { Screen } from './live-screen.ts';
import type { Nights } from './nights.ts';
import type { NightListener } from './retrain-child.ts';

export interface MonitorOptions {
  context: Context;
  store: Store;
  log: Logger;
  screen: Screen;
  /** asks the page; rejects while there is none */
  probe: () => Promise<void>;
  /** memory of Chromium; undefined while there is none */
  browserBytes: () => number | undefined;
  nights: () => Nights | undefined;
}

export interface Monitor {
  observer: BotObserver;
  night: NightListener;
  onState(state: ClientState): void;
  onBackOff: (waitMs: number) => void;
  problem: (sentence: string) => void;
  /** said first when the program stops */
  stopping(): Promise<void>;
  close(): Promise<void>;
}

/** unix ms of the last beat, in the settings of the store */
export const heartbeatKey = 'ops.heartbeat';
const refreshMs = 1000;
/** Facts are asked of the database; the clock on the screen is not. */
const factsMs = 3000;

export async function openMonitor(options: MonitorOptions): Promise<Monitor> {
  const { context, store, log, screen } = options;
  const { env, persona } = context;
  const notifier = createNotifier(process.env, log);
  const watchdog = createWatchdog(notifier, (failure) => failure === 'SQLITE_FULL');
  const status = createStatus({
    store,
    now: Date.now,
    startOfDay: (nowMs) => DateTime.fromMillis(nowMs, { zone: persona.timezone }).startOf('day').toMillis(),
    servingRun: () => servingRun(env.modelsDir),
    nextRetrain: () => options.nights()?.nextRetrain() ?? null,
    newestBackup: () => options.nights()?.newestBackup() ?? null,
  });

  const ports: { metricsPort?: number } = {};
  /** Caps are changed on the review page while this runs. */
  const showSettings = (): void =>
    screen.settings({
      name: persona.name,
      timezone: persona.timezone,
      caps: capsNow(store, persona),
      ...ports,
    });

  let facts: Facts | undefined;
  let askedAtMs = 0;
  const refresh = (isNow: boolean): void => {
    try {
      if (facts === undefined || isNow || Date.now() - askedAtMs >= factsMs) {
        facts = status.facts();
        askedAtMs = Date.now();
      }
      showSettings();
      screen.show(facts);
      watchdog.status(oneLine(facts));
    } catch (error) {
      log.debug({ error: errorCode(error) ?? '' }, 'the status could not be read');
    }
  };

  const health: Health = startHealth({
    write: () => store.settings.set(heartbeatKey, String(Date.now())),
    probe: options.probe,
    describe: (error) => errorCode(error) ?? errorLine(error),
    everyMs: Math.min(beatEveryMs, (notifier.watchdogMs ?? Infinity) / 3),
    onBeat: (beat) => {
      watchdog.onBeat(beat);
      tell(beat);
    },
  });
  let wasWell: boolean | undefined;
  /** A change for the worse or the better is worth a line; the start is neither. */
  const tell = ({ database, page }: Beat): void => {
    const isWell = database === null && page === null;
    if (wasWell === true && !isWell) log.warn({ database, page }, 'database or page did not answer');
    if (wasWell === false && isWell) log.info('database and page answer again');
    if (isWell || wasWell !== undefined) wasWell = isWell;
  };

  const metrics = createMetrics({ store, health, browserBytes: options.browserBytes });
  const server = await serve(env.metricsPort, log, {
    '/healthz': () => {
      const { isWell, ...ages } = health.report();
      const body = { ok: isWell, whatsapp: status.facts().whatsapp.state, ...ages };
      return { status: isWell ? 200 : 503, type: 'application/json', body: `${JSON.stringify(body)}\n` };
    },
    '/metrics': async () => ({ status: 200, type: metrics.type, body: await metrics.text() }),
  });
  if (server !== undefined) ports.metricsPort = server.port;
  const timer = setInterval(() => refresh(false), refreshMs);
  refresh(true);

  return {
    observer: {
      refused: (reason) => {
        metrics.refused(reason);
        status.refused();
      },
      composed: metrics.composed,
    },
    night: {
      onProgress: (progress) => {
        status.retraining(progress);
        refresh(true);
      },
      onVerdict: (verdict, reason) => {
        status.retrained(verdict, reason);
        metrics.retrained(verdict);
        refresh(true);
      },
    },
    onState: (state) => {
      status.state(state);
      metrics.state(state);
      if (state !== 'pairing') screen.qr(null);
      refresh(true);
      if (state === 'ready' || state === 'pairing') void health.beat();
    },
    onBackOff: watchdog.onBackOff,
    problem: (sentence) => status.problem(sentence),
    stopping: () => watchdog.stopping(),
    close: async () => {
      clearInterval(timer);
      await server?.close();
      await health.close();
    },
  };
}

type Pages = Parameters<typeof serveLocally>[1];

/** Metrics are not worth the bot: a port that is taken is said, and the rest goes on. */
async function serve(port: number | 'off', log: Logger, pages: Pages): Promise<LocalServer | undefined> {
  if (port === 'off') return undefined;
  try {
    const server = await serveLocally(port, pages);
    log.info({ url: `http://127.0.0.1:${server.port}/metrics` }, 'metrics');
    return server;
  } catch (error) {
    if (errorCode(error) !== 'EADDRINUSE') throw error;
    log.warn({ port }, 'METRICS_PORT is taken: no metrics and no /healthz; set it to another port, or to off');
    return undefined;
  }
}

/** Damage is for those who answer to say; here it is only shown. */
function servingRun(modelsDir: string): string | null {
  try {
    return readCurrent(modelsDir)?.run ?? null;
  } catch {
    return null;
  }
}

function oneLine({ whatsapp, messages, replies, run }: Facts): string {
  return `${whatsapp.state}; ${messages.today} messages and ${replies.today} replies today; model ${run ?? 'none yet'}`;
}
