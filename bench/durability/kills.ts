/**
 * `kill -9` at random moments of logging (promise A1): after each, everything that was acknowledged has to be there, once,
 * and the file has to be sound. Shared by bench/durability.ts and test/store/kill9.test.ts.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { openSqlite } from '../../src/store/database.ts';
import type { Random } from '../../src/util/random.ts';
import { makeScene, writerArgs, type Writer } from './scene.ts';

export interface KillCounts {
  kills: number;
  acknowledged: number;
  lost: number;
  duplicates: number;
  unsound: number;
}

interface Ended {
  output: string;
  signal: NodeJS.Signals | null;
}

/** Run the logger and kill it: most while it logs, every fifth at any moment of its start, opening and recovery included. */
function killed(args: string[], whileStarting: boolean, random: Random): Promise<Ended> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const delayMs = random.next() * (whileStarting ? 400 : 120);
  const kill = (): void => void setTimeout(() => child.kill('SIGKILL'), delayMs);
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  if (whileStarting) kill();
  else child.stdout.once('data', kill);
  return new Promise((resolve) => child.on('close', (_, signal) => resolve({ output, signal })));
}

/** @param dir an empty folder; one file is written, killed and opened again so many times */
export async function killRepeatedly(
  dir: string,
  kills: number,
  random: Random,
  writer: Exclude<Writer, 'mixer'> = 'logger',
): Promise<KillCounts> {
  const scene = makeScene(dir);
  const counts: KillCounts = { kills: 0, acknowledged: 0, lost: 0, duplicates: 0, unsound: 0 };
  const acknowledged = new Set<number>();
  let newest = 0;
  for (let kill = 0; kill < kills; kill++) {
    // from a few before the last acknowledged one: what WhatsApp delivers again after a crash
    const args = writerArgs(writer, scene, { start: Math.max(0, newest - 3) });
    const { output, signal } = await killed(args, kill % 5 === 0, random);
    if (signal === 'SIGKILL') counts.kills++;
    for (const [, n] of output.matchAll(/^ACK (?:put )?(\d+)\n/gm)) {
      acknowledged.add(Number(n));
      newest = Math.max(newest, Number(n));
    }
    const db = openSqlite(join(dir, 'persona.sqlite'));
    if (db.pragma('integrity_check', { simple: true }) !== 'ok') counts.unsound++;
    const stored = db
      .prepare<[], { wa_id: string; n: number }>('SELECT wa_id, COUNT(*) AS n FROM messages GROUP BY wa_id')
      .all();
    db.close();
    const known = new Set(stored.map(({ wa_id }) => wa_id));
    for (const n of acknowledged) if (!known.has(`wa${n}`)) counts.lost++;
    counts.duplicates += stored.filter(({ n }) => n > 1).length;
  }
  counts.acknowledged = acknowledged.size;
  return counts;
}
