/** Health, watchdog and the local pages, each by itself: when they say yes, when they say no, and to whom. */
import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { startHealth } from '../../src/ops/health.ts';
import type { Health } from '../../src/ops/health.ts';
import { serveLocally } from '../../src/ops/http.ts';
import type { LocalServer } from '../../src/ops/http.ts';
import { createMetrics } from '../../src/ops/metrics.ts';
import { createNotifier } from '../../src/ops/notify.ts';
import type { Notifier } from '../../src/ops/notify.ts';
import { createStatus } from '../../src/ops/status.ts';
import { createWatchdog } from '../../src/ops/watchdog.ts';
import { silentLog } from '../../src/util/log.ts';
import { compiled } from '../store/child.ts';
import { admitted, draft, freshDir, put, scene } from '../store/support.ts';

describe('health', () => {
  let health: Health | undefined;
  afterEach(async () => health?.close());

  /** A page and a database that fail on demand, and a clock. */
  function world() {
    const state = { nowMs: 1_000_000, database: true, page: true, writes: 0 };
    health = startHealth({
      write: () => {
        if (!state.database) throw Object.assign(new Error('full'), { code: 'SQLITE_FULL' });
        state.writes++;
      },
      probe: () => (state.page ? Promise.resolve() : Promise.reject(new Error('no answer'))),
      describe: (error) => (error instanceof Error ? error.message : ''),
      now: () => state.nowMs,
      everyMs: 3_600_000,
    });
    return { state, health };
  }

  test('is well only while both answer, and says since when not', async () => {
    const { state, health: it } = world();
    await it.beat();
    expect(it.report()).toEqual({ isWell: true, databaseAgeMs: 0, pageAgeMs: 0 });
    state.page = false;
    state.nowMs += 60_000;
    expect(await it.beat()).toMatchObject({ database: null, page: 'no answer' });
    expect(it.report()).toEqual({ isWell: true, databaseAgeMs: 0, pageAgeMs: 60_000 });
    state.nowMs += 31_000;
    expect(it.report()).toMatchObject({ isWell: false, pageAgeMs: 91_000 });
    state.page = true;
    state.database = false;
    await it.beat();
    expect(it.report()).toMatchObject({ isWell: true, databaseAgeMs: 31_000, pageAgeMs: 0 });
    state.nowMs += 60_000;
    expect(it.report().isWell).toBe(false);
  });

  test('24 hours without a message are no sign of anything', async () => {
    const { state, health: it } = world();
    for (let look = 0; look < 24 * 120; look++) {
      state.nowMs += 30_000;
      await it.beat();
      if (!it.report().isWell) throw new Error(`unwell after ${look} looks`);
    }
    expect(state.writes).toBeGreaterThanOrEqual(24 * 120);
  });
});

describe('watchdog', () => {
  const well = { atMs: 0, database: null, page: null };

  function said(watchdogMs: number | undefined = 180_000) {
    const heard: Record<string, string>[] = [];
    const notifier: Notifier = {
      watchdogMs,
      send: (fields) => {
        heard.push(fields);
        return Promise.resolve();
      },
    };
    return { heard, watchdog: createWatchdog(notifier, (failure) => failure === 'SQLITE_FULL') };
  }

  test('READY once, WATCHDOG after each look that found both well, nothing after another', () => {
    const { heard, watchdog } = said();
    watchdog.onBeat({ ...well, page: 'no page yet' });
    watchdog.onBeat({ ...well, database: 'SQLITE_BUSY' });
    expect(heard).toEqual([]);
    watchdog.onBeat(well);
    watchdog.onBeat({ ...well, page: 'no answer' });
    watchdog.onBeat(well);
    expect(heard).toEqual([{ READY: '1', WATCHDOG: '1' }, { WATCHDOG: '1' }]);
  });

  test('a wait of the supervisor lengthens the time once, and the next meal shortens it again', () => {
    const { heard, watchdog } = said();
    watchdog.onBeat(well);
    watchdog.onBackOff(900_000);
    watchdog.onBeat({ ...well, page: 'no browser runs' });
    watchdog.onBeat(well);
    watchdog.onBeat(well);
    expect(heard.slice(1)).toEqual([
      { WATCHDOG_USEC: '1200000000' },
      { WATCHDOG_USEC: '180000000', WATCHDOG: '1' },
      { WATCHDOG: '1' },
    ]);
  });

  test('a full disk gets an hour, not one an hour for ever: nothing is fed', () => {
    const { heard, watchdog } = said();
    watchdog.onBeat(well);
    for (let look = 0; look < 5; look++) watchdog.onBeat({ ...well, database: 'SQLITE_FULL' });
    expect(heard.slice(1)).toEqual([{ WATCHDOG_USEC: '3600000000' }]);
  });

  test('without a watchdog of systemd no time is named', () => {
    const { heard, watchdog } = said(0);
    const none = createWatchdog(
      { watchdogMs: undefined, send: (fields) => Promise.resolve(void heard.push(fields)) },
      () => false,
    );
    none.onBackOff(900_000);
    watchdog.status('ready');
    watchdog.status('ready');
    expect(heard).toEqual([{ STATUS: 'ready' }]);
  });

  test('WATCHDOG_USEC of another process is not ours', () => {
    const env = { NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '6000000' };
    expect(createNotifier({ ...env, WATCHDOG_PID: '1' }, silentLog).watchdogMs).toBeUndefined();
    expect(createNotifier({ ...env, WATCHDOG_PID: String(process.pid) }, silentLog).watchdogMs).toBe(6000);
    expect(createNotifier(env, silentLog).watchdogMs).toBe(6000);
    expect(createNotifier({ WATCHDOG_USEC: '6000000' }, silentLog).watchdogMs).toBeUndefined();
  });
});

describe('the local pages', () => {
  let server: LocalServer | undefined;
  afterEach(async () => server?.close());

  const open = async (): Promise<LocalServer> => {
    server = await serveLocally(0, {
      '/healthz': () => ({ status: 503, type: 'application/json', body: '{}' }),
      '/broken': () => Promise.reject(new Error('a secret of the store')),
    });
    return server;
  };

  const ask = (port: number, path: string, options: { method?: string; host?: string } = {}) =>
    new Promise<{ status: number | undefined; body: string; headers: object }>((resolve, reject) => {
      const headers = options.host === undefined ? {} : { host: options.host };
      request({ host: '127.0.0.1', port, path, method: options.method ?? 'GET', headers }, (response) => {
        let body = '';
        response.on('data', (piece: Buffer) => (body += piece.toString()));
        response.on('end', () => resolve({ status: response.statusCode, body, headers: response.headers }));
      })
        .on('error', reject)
        .end();
    });

  test.each([
    ['this address', (port: number) => `127.0.0.1:${port}`, 503],
    ['localhost', (port: number) => `localhost:${port}`, 503],
    ['a name that leads here', (port: number) => `rebound.example:${port}`, 421],
    ['the address without its port', () => '127.0.0.1', 421],
    ['another port', () => '127.0.0.1:1', 421],
    ['something longer', (port: number) => `127.0.0.1:${port}.example`, 421],
  ])('Host %s', async (_what, host, status) => {
    const { port } = await open();
    expect((await ask(port, '/healthz', { host: host(port) })).status).toBe(status);
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'])('%s is refused', async (method) => {
    const { port } = await open();
    const { status, headers } = await ask(port, '/healthz', { method });
    expect(status).toBe(405);
    expect(headers).toMatchObject({ allow: 'GET' });
  });

  test('other paths are not there, and a fault tells nothing', async () => {
    const { port } = await open();
    for (const path of ['/', '/constructor', '/healthz/..', '/metrics?x', '//healthz']) {
      expect((await ask(port, path)).status, path).toBe(404);
    }
    expect(await ask(port, '/broken')).toMatchObject({ status: 500, body: 'this could not be measured\n' });
  });

  test('a port that is taken is said', async () => {
    const { port } = await open();
    await expect(serveLocally(port, {})).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});

test('metrics count what happened, and hold no id of anybody', async () => {
  const { store, chat, contact } = scene();
  put(store, draft(chat, contact, 'a secret message'));
  store.chats.set(chat, { collect: true });
  const metrics = createMetrics({
    store,
    health: { report: () => ({ isWell: true, databaseAgeMs: 1500, pageAgeMs: null }) },
    browserBytes: () => 400_000_000,
  });
  metrics.state('starting');
  metrics.state('ready');
  metrics.state('starting');
  metrics.state('ready');
  metrics.refused('copied phrase');
  metrics.refused('copied phrase');
  metrics.composed(420);
  metrics.retrained('promoted');
  const text = await metrics.text();
  for (const line of [
    'persona_messages_stored 1',
    'persona_chats_collecting 1',
    'persona_chats_replying 0',
    'persona_browser_memory_bytes 400000000',
    'persona_browser_starts_total 2',
    'persona_whatsapp_state{state="ready"} 1',
    'persona_whatsapp_state{state="starting"} 0',
    'persona_guard_refusals_total{reason="copied phrase"} 2',
    'persona_reply_seconds_bucket{le="0.5"} 1',
    'persona_reply_seconds_bucket{le="0.35"} 0',
    'persona_retrains_total{verdict="promoted"} 1',
    'persona_database_write_age_seconds 1.5',
    'persona_page_probe_age_seconds +Inf',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
  expect(Number(/^persona_database_bytes (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(4096);
  expect(text).not.toMatch(/secret|4911|4900|c\.us/);
});

test('the status counts today by the persona’s own midnight, and imports not at all', () => {
  const nowMs = Date.UTC(2026, 10, 20, 12);
  const midnight = Date.UTC(2026, 10, 19, 23);
  const { store, chat, contact } = scene({ now: () => nowMs });
  const at = (timestampMs: number, origin: 'live' | 'import' | 'bot' = 'live'): void => {
    store.messages.add(admitted(draft(chat, contact, `at ${timestampMs} ${origin}`, { timestampMs, origin })));
  };
  at(midnight - 1);
  at(midnight);
  at(nowMs);
  at(nowMs, 'import');
  store.outbox.begin({ chatId: chat, kind: 'reply', inReplyTo: 'x', textHash: '' });
  const status = createStatus({
    store,
    now: () => nowMs,
    startOfDay: () => midnight,
    servingRun: () => 'run-1',
    nextRetrain: () => null,
    newestBackup: () => null,
  });
  status.state('pairing');
  status.refused();
  status.retraining({ phase: 'training', share: 0.5, secondsLeft: 60 });
  expect(status.facts()).toMatchObject({
    whatsapp: { state: 'pairing', sinceMs: nowMs },
    messages: { today: 2, total: 4 },
    replies: { today: 1, lastDay: 1, refused: 1 },
    retrain: { progress: { share: 0.5 }, last: null },
  });
  status.retrained('kept', 'no better');
  expect(status.facts().retrain).toMatchObject({ progress: null, last: { verdict: 'kept' } });
});

test('a retrain tells its parent how far it is: each phase, and once a second within it', async () => {
  const script = join(freshDir(), 'child.mjs');
  writeFileSync(
    script,
    `import { setTimeout as sleep } from 'node:timers/promises';
    import { progressView } from ${compiled('scripts/progress.ts')};
    const view = progressView(true);
    view.phase('training');
    for (const share of [0.1, 0.2]) view.update({ share, secondsLeft: 60 });
    await sleep(1100);
    for (const share of [0.3, 0.4]) view.update({ share, secondsLeft: 40 });
    view.stop();`,
  );
  const heard: unknown[] = [];
  const child = fork(script);
  child.on('message', (message) => heard.push(message));
  await new Promise((resolve) => child.once('close', resolve));
  expect(heard).toEqual([
    { phase: 'training', share: null, secondsLeft: null },
    { phase: 'training', share: 0.3, secondsLeft: 40 },
  ]);
});
