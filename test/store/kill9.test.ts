/**
 * Promise A1: 200 `kill -9` at random moments of logging. After each, everything that was acknowledged is there, once,
 * and the file is sound. Power cuts are another matter (synchronous=FULL, held in open.test.ts). Needs dist/.
 * Run: npm run build && npx vitest run test/store/kill9.test.ts
 */
import { join } from 'node:path';
import { openSqlite } from '../../src/store/database.ts';
import { expect, test } from 'vitest';
import { createRandom, type Random } from '../../src/util/random.ts';
import { compiled, ended, run, script } from './child.ts';
import { freshDir, scene } from './support.ts';

const lanes = 4;
const killsPerFile = 50;

/** Logs messages n, n+1, ... through consent and store, and says ACK n after each commit. */
const logger = (dir: string): string =>
  script(
    dir,
    `import { writeSync } from 'node:fs';
    import { openStore } from ${compiled('src/store/store.ts')};
    import { admit } from ${compiled('src/consent/policy.ts')};
    const [dir, chat, contact, start] = [process.argv[2], ...process.argv.slice(3).map(Number)];
    const store = openStore(dir);
    const author = store.consent.state(contact, 'log');
    for (let n = start; ; n++) {
      const message = admit(
        { waId: 'wa' + n, chatId: chat, personId: contact, fromMe: false, origin: 'live', timestampMs: n, minutePrecision: false,
          kind: 'text', text: 'message ' + n + ' ' + 'with some words '.repeat((n * 37) % 20), media: null, quotedWaId: null },
        { chatKind: 'direct', collecting: true, collectSinceMs: 0, author, others: [author], isForwarded: false,
          isEphemeral: false, isImport: false, attested: false },
      );
      store.messages.add(message);
      writeSync(1, 'ACK ' + n + '\\n');
    }`,
  );

interface Lane {
  kills: number;
  acked: number;
  lost: number;
  duplicates: number;
  unsound: number;
}

async function killRepeatedly(random: Random): Promise<Lane> {
  const dir = freshDir();
  const { store, contact, chat } = scene({ dir });
  store.close();
  const path = logger(dir);
  const lane: Lane = { kills: 0, acked: 0, lost: 0, duplicates: 0, unsound: 0 };
  const acked = new Set<number>();
  for (let kill = 0; kill < killsPerFile; kill++) {
    // from a few before the last acknowledged one: what WhatsApp delivers again after a crash
    const start = Math.max(0, ...acked) - 3;
    const child = run(path, dir, String(chat), String(contact), String(Math.max(0, start)));
    const end = ended(child);
    // most die while logging; every fifth at any moment of its start, opening and recovery included
    const delayMs = kill % 5 === 0 ? random.next() * 400 : random.next() * 120;
    if (kill % 5 === 0) setTimeout(() => child.kill('SIGKILL'), delayMs);
    else child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), delayMs));
    const { output, signal } = await end;
    if (signal === 'SIGKILL') lane.kills++;
    for (const [, n] of output.matchAll(/^ACK (\d+)\n/gm)) acked.add(Number(n));

    const db = openSqlite(join(dir, 'persona.sqlite'));
    if (db.pragma('integrity_check', { simple: true }) !== 'ok') lane.unsound++;
    const stored = db
      .prepare<[], { wa_id: string; n: number }>('SELECT wa_id, COUNT(*) AS n FROM messages GROUP BY wa_id')
      .all();
    db.close();
    const counts = new Map(stored.map(({ wa_id, n }) => [wa_id, n]));
    lane.lost += [...acked].filter((n) => !counts.has(`wa${n}`)).length;
    lane.duplicates += stored.filter(({ n }) => n > 1).length;
  }
  lane.acked = acked.size;
  return lane;
}

test('200 kills: nothing acknowledged is lost, nothing is there twice, the file is sound', async () => {
  const results = await Promise.all(
    Array.from({ length: lanes }, (_, lane) => killRepeatedly(createRandom(`kill9 ${lane}`))),
  );
  const sum = (key: keyof Lane): number => results.reduce((total, lane) => total + lane[key], 0);
  process.stdout.write(`kill -9: ${sum('kills')} kills, ${sum('acked')} acknowledged, ${sum('lost')} lost\n`);
  expect({ kills: sum('kills'), lost: sum('lost'), duplicates: sum('duplicates'), unsound: sum('unsound') }).toEqual({
    kills: lanes * killsPerFile,
    lost: 0,
    duplicates: 0,
    unsound: 0,
  });
  expect(sum('acked')).toBeGreaterThan(lanes * killsPerFile);
}, 300_000);
