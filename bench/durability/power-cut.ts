/**
 * Power cuts, simulated (promise A2): strace writes down every write and flush of a real writer, and disks are rebuilt as a
 * cut at any moment could have left them: what was flushed is there; of what was not, any part may be, sector by sector.
 * Each is opened as the program would. Shared by bench/durability.ts and test/store/power-cut.test.ts.
 * Not covered: disks that lie about a flush, and the folder's own entries (files that were just made).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { openSqlite } from '../../src/store/database.ts';
import { check } from '../../src/util/errors.ts';
import type { Random } from '../../src/util/random.ts';
import { makeScene, writerArgs, type Synchronous, type Writer } from './scene.ts';

/** Drives promise to write so many bytes whole or not at all. */
const sectorBytes = 512;
const databaseName = 'persona.sqlite';

type Operation =
  | { kind: 'write'; file: string; bytes: Buffer; offset: number }
  | { kind: 'truncate'; file: string; length: number }
  | { kind: 'flush'; file: string }
  | { kind: 'acknowledge'; what: 'put' | 'edit' | 'erase'; n: number };

export interface PowerCutCounts {
  cuts: number;
  /** system calls of the trace that matter here */
  operations: number;
  flushes: number;
  acknowledged: number;
  /** disks on which something acknowledged was missing */
  cutsWithLosses: number;
  mostLost: number;
  /** disks that SQLite found damaged */
  corrupt: number;
}

/** May strace trace here? */
export function canTrace(): boolean {
  const traced = spawnSync('strace', ['-f', '-o', '/dev/null', '-e', 'trace=write', 'true']);
  return traced.status === 0;
}

interface Recording {
  /** the files as they were before, by name */
  before: Map<string, Buffer>;
  operations: Operation[];
}

/** Run a writer under strace in this empty folder. */
export function recordWriter(
  dir: string,
  count: number,
  synchronous: Synchronous,
  writer: Exclude<Writer, 'logger'> = 'mixer',
): Recording {
  const scene = makeScene(dir);
  const before = new Map<string, Buffer>();
  for (const name of [databaseName, `${databaseName}-wal`]) {
    const path = join(dir, name);
    before.set(name, existsSync(path) ? readFileSync(path) : Buffer.alloc(0));
  }
  const trace = join(dir, 'trace');
  const calls = 'trace=pwrite64,write,fsync,fdatasync,ftruncate,unlink';
  const args = ['-f', '-qq', '-xx', '-y', '-s', '100000', '-e', calls, '-o', trace, process.execPath];
  const { status, stderr } = spawnSync('strace', [...args, ...writerArgs(writer, scene, { count, synchronous })], {
    encoding: 'utf8',
  });
  check(status === 0, `the traced writer ended with ${status}: ${stderr}`);
  const operations = [...operationsOf(readFileSync(trace, 'latin1'))].filter(
    (operation) => operation.kind === 'acknowledge' || before.has(operation.file),
  );
  rmSync(trace);
  return { before, operations };
}

const hexBytes = (escaped: string): Buffer => Buffer.from(escaped.replaceAll('\\x', ''), 'hex');
const fileName = (escaped: string): string => basename(hexBytes(escaped).toString());

/** Calls that another thread interrupts are written in two lines; they count where they end. */
function* operationsOf(trace: string): Generator<Operation> {
  const begun = new Map<string, string>();
  for (const line of trace.split('\n')) {
    const thread = /^\d+/.exec(line)?.[0] ?? '';
    const rest = line.slice(thread.length).trimStart();
    if (rest.endsWith(' <unfinished ...>')) {
      begun.set(thread, rest.slice(0, -' <unfinished ...>'.length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    yield* operationIn(resumed === null ? rest : (begun.get(thread) ?? '') + resumed[1]);
  }
}

function* operationIn(call: string): Generator<Operation> {
  const write = /^pwrite64\(\d+<([^>]*)>, "([^"]*)", \d+, (\d+)\)\s+= (\d+)/.exec(call);
  if (write !== null) {
    const [, file = '', bytes = '', offset, length] = write;
    yield {
      kind: 'write',
      file: fileName(file),
      bytes: hexBytes(bytes).subarray(0, Number(length)),
      offset: Number(offset),
    };
  }
  const flush = /^f(?:data)?sync\(\d+<([^>]*)>\)\s+= 0/.exec(call);
  if (flush !== null) yield { kind: 'flush', file: fileName(flush[1]!) };
  const truncate = /^ftruncate\(\d+<([^>]*)>, (\d+)\)\s+= 0/.exec(call);
  if (truncate !== null) yield { kind: 'truncate', file: fileName(truncate[1]!), length: Number(truncate[2]) };
  const said = /^write\(1(?:<[^>]*>)?, "([^"]*)"/.exec(call);
  for (const [, what, n] of said === null
    ? []
    : hexBytes(said[1]!)
        .toString()
        .matchAll(/ACK (put|edit|erase) (\d+)/g)) {
    yield { kind: 'acknowledge', what: what as 'put' | 'edit' | 'erase', n: Number(n) };
  }
}

type Change = Extract<Operation, { kind: 'write' | 'truncate' }>;

/** A disk while it runs: what is sure, and what is on its way. */
class Disk {
  readonly #sure: Map<string, Buffer>;
  readonly #pending = new Map<string, Change[]>();

  constructor(before: ReadonlyMap<string, Buffer>) {
    this.#sure = new Map(before);
  }

  change(change: Change): void {
    this.#pending.set(change.file, [...(this.#pending.get(change.file) ?? []), change]);
  }

  flush(file: string): void {
    this.#sure.set(
      file,
      this.#applied(file, () => true),
    );
    this.#pending.delete(file);
  }

  /** What is there after a cut now, if each sector on its way had this chance. */
  cut(chance: () => boolean): Map<string, Buffer> {
    return new Map([...this.#sure.keys()].map((file) => [file, this.#applied(file, chance)]));
  }

  #applied(file: string, lands: () => boolean): Buffer {
    let bytes: Buffer = Buffer.from(this.#sure.get(file) ?? Buffer.alloc(0));
    for (const change of this.#pending.get(file) ?? []) {
      if (change.kind === 'truncate') {
        if (lands()) bytes = resized(bytes, change.length);
        continue;
      }
      const { offset, bytes: written } = change;
      for (let at = 0; at < written.length; at += sectorBytes) {
        const sector = written.subarray(at, at + sectorBytes);
        if (!lands()) continue;
        if (bytes.length < offset + at + sector.length) bytes = resized(bytes, offset + at + sector.length);
        sector.copy(bytes, offset + at);
      }
    }
    return bytes;
  }
}

function resized(bytes: Buffer, length: number): Buffer {
  const result = Buffer.alloc(length);
  bytes.copy(result, 0, 0, Math.min(bytes.length, length));
  return result;
}

/** What has to be there once so much was acknowledged; absent: it must be gone. */
interface Expected {
  /** what each message may say */
  texts: Map<number, (text: string) => boolean>;
  erased: Set<number>;
}

function acknowledge({ texts, erased }: Expected, { what, n }: Extract<Operation, { kind: 'acknowledge' }>): void {
  if (what === 'put') texts.set(n, () => true);
  else if (what === 'edit') texts.set(n, (text) => text === `edited ${n}`);
  else {
    texts.delete(n);
    erased.add(n);
  }
}

/** How much of what was acknowledged is missing on this disk; undefined: SQLite finds it damaged. */
function missingOn(dir: string, { texts, erased }: Expected, underway: ReadonlySet<number>): number | undefined {
  const db = openSqlite(join(dir, databaseName));
  try {
    if (db.pragma('integrity_check', { simple: true }) !== 'ok') return undefined;
    const rows = db.prepare<[], { wa_id: string; text: string }>('SELECT wa_id, text FROM messages').all();
    const found = new Map(rows.map(({ wa_id, text }) => [Number(wa_id.slice(2)), text]));
    let missing = 0;
    for (const [n, fits] of texts) {
      const text = found.get(n);
      if (text === undefined ? !underway.has(n) : !fits(text)) missing++;
    }
    for (const n of erased) if (found.has(n)) missing++;
    return missing;
  } catch {
    return undefined;
  } finally {
    db.close();
  }
}

/** @param dir an empty folder for the writer and the rebuilt disks */
export function cutPower(
  dir: string,
  options: {
    cuts: number;
    messages: number;
    synchronous: Synchronous;
    random: Random;
    writer?: Exclude<Writer, 'logger'>;
  },
): PowerCutCounts {
  const { cuts, messages, synchronous, random, writer } = options;
  const writerDir = join(dir, 'writer');
  mkdirSync(writerDir, { mode: 0o700 });
  const { before, operations } = recordWriter(writerDir, messages, synchronous, writer);
  const acknowledged = operations.filter(({ kind }) => kind === 'acknowledge').length;
  const flushes = operations.filter(({ kind }) => kind === 'flush').length;
  const counts = { cuts: 0, operations: operations.length, flushes, acknowledged };
  const losses = { cutsWithLosses: 0, mostLost: 0, corrupt: 0 };

  const moments = new Map<number, number>();
  for (let cut = 0; cut < cuts; cut++) {
    const at = random.int(operations.length);
    moments.set(at, (moments.get(at) ?? 0) + 1);
  }
  const disk = new Disk(before);
  const expected: Expected = { texts: new Map(), erased: new Set() };
  operations.forEach((operation, at) => {
    if (operation.kind === 'acknowledge') acknowledge(expected, operation);
    else if (operation.kind === 'flush') disk.flush(operation.file);
    else disk.change(operation);
    for (let cut = 0; cut < (moments.get(at) ?? 0); cut++) {
      const share = [0, 0.5, random.next()][counts.cuts % 3] ?? 0;
      const image = join(dir, 'disk');
      mkdirSync(image, { recursive: true });
      for (const [name, bytes] of disk.cut(() => random.next() < share)) {
        if (bytes.length > 0) writeFileSync(join(image, name), bytes);
      }
      const missing = missingOn(image, expected, erasedNext(operations, at));
      rmSync(image, { recursive: true });
      counts.cuts++;
      if (missing === undefined) losses.corrupt++;
      else if (missing > 0) losses.cutsWithLosses++;
      losses.mostLost = Math.max(losses.mostLost, missing ?? 0);
    }
  });
  return { ...counts, ...losses };
}

/** The message that is being erased when power goes, if one is: it may be gone before that is acknowledged. */
function erasedNext(operations: readonly Operation[], at: number): Set<number> {
  const next = operations.slice(at + 1).find(({ kind }) => kind === 'acknowledge');
  return new Set(next?.kind === 'acknowledge' && next.what === 'erase' ? [next.n] : []);
}
