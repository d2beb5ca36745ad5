import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type KernelPool, openPool } from '../../src/kernels/pool.ts';
import { entryWords } from '../../src/kernels/tape.ts';
import { distFile } from '../../src/util/dist.ts';

async function withPool(threads: number, body: (pool: KernelPool) => void | Promise<void>): Promise<void> {
  const pool = await openPool({ threads });
  try {
    await body(pool);
  } finally {
    pool.close();
  }
}

/** Runs one addition over many lines, so that every thread has a part in it. */
function works(pool: KernelPool): void {
  const mark = pool.mark();
  const count = 10_000;
  const [x, y] = [pool.allocate(count), pool.allocate(count)];
  pool.floats(x, count).fill(2);
  pool.tape.axpby({ x, y, a: 1, b: 1, count });
  pool.tape.run();
  expect(pool.floats(y, count).every((v) => v === 2)).toBe(true);
  pool.release(mark);
}

describe('memory of a pool', () => {
  test('is zeroed, aligned, and given back by marks', () =>
    withPool(1, (pool) => {
      const mark = pool.mark();
      const first = pool.allocate(5);
      const second = pool.allocate(3);
      expect([first % 64, second % 64, second - first]).toEqual([0, 0, 64]);
      pool.floats(first, 5).fill(NaN);
      pool.release(mark);
      expect(pool.allocate(5)).toBe(first);
      expect([...pool.floats(first, 5)]).toEqual([0, 0, 0, 0, 0]);
    }));

  test('grows under threads that have started, and keeps what it held', () =>
    withPool(2, (pool) => {
      const small = pool.allocate(4);
      pool.floats(small, 4).set([1, 2, 3, 4]);
      works(pool);
      const before = pool.bytes();
      const count = 3 << 20;
      const [x, y] = [pool.allocate(count), pool.allocate(count)];
      pool.floats(x, count).fill(5);
      pool.tape.copy({ x, y, count });
      pool.tape.run();
      expect(pool.bytes()).toBe(before + 8 * count);
      expect(pool.floats(y, count).every((v) => v === 5)).toBe(true);
      expect([...pool.floats(small, 4)]).toEqual([1, 2, 3, 4]);
    }));

  test('more than 4 GiB is refused in words', () =>
    withPool(1, (pool) => {
      expect(() => pool.allocate(2 ** 30)).toThrow(/needs 4\d{3} MiB/);
      works(pool);
    }));
});

describe('a run', () => {
  test.each([1, 2, 3])(
    'on %d threads: a kernel that traps is an Error with its name, and the pool goes on',
    (threads) =>
      withPool(threads, (pool) => {
        const count = 40_000;
        const x = pool.allocate(count);
        for (let round = 0; round < 3; round++) {
          pool.tape.zero({ x, count });
          // the last elements lie beyond the memory: only the last thread fails
          pool.tape.axpby({ x, y: 4_294_967_296 - 4 * count + 64, a: 1, b: 1, count });
          pool.tape.zero({ x, count });
          expect(() => {
            pool.tape.run();
          }).toThrow(/kernel axpby \(entry 2 of 3\) failed/);
          expect(pool.tape.length).toBe(0);
          works(pool);
        }
      }),
  );

  test('more entries than the tape holds run in order', () =>
    withPool(2, (pool) => {
      const one = pool.allocate(4);
      const sum = pool.allocate(4);
      pool.floats(one, 4).fill(1);
      for (let i = 0; i < 10_000; i++) pool.tape.axpby({ x: one, y: sum, a: 1, b: 1, count: 4 });
      pool.tape.run();
      expect([...pool.floats(sum, 4)]).toEqual([10_000, 10_000, 10_000, 10_000]);
    }));

  test('after the workers have gone to sleep, several times', () =>
    withPool(3, async (pool) => {
      for (let round = 0; round < 5; round++) {
        await sleep(20);
        works(pool);
      }
    }));

  test('costs nothing once it is over: the workers sleep', () =>
    withPool(3, async (pool) => {
      works(pool);
      await sleep(20);
      const before = process.cpuUsage();
      await sleep(300);
      const { user, system } = process.cpuUsage(before);
      expect((user + system) / 1000).toBeLessThan(60); // of 600 ms, were two workers spinning
    }));

  test('of nothing does nothing', () =>
    withPool(2, (pool) => {
      pool.tape.run();
      works(pool);
    }));
});

describe('what cannot be recorded is refused with the name of the kernel', () => {
  test('missing arguments, widths, heads, rates', () =>
    withPool(1, ({ tape }) => {
      const count = undefined as unknown as number;
      expect(() => {
        tape.axpby({ x: 64, y: 64, a: 1, b: 1, count });
      }).toThrow('axpby: argument 5 is undefined');
      expect(() => {
        tape.embedding({ ids: 0, table: 0, x: 0, rows: 1, width: 6 });
      }).toThrow('embedding: width 6 is no multiple of 4');
      const shape = { batch: 1, length: 4, heads: 3, kvHeads: 2, headWidth: 8 };
      expect(() => {
        tape.attention({ qkv: 0, out: 0, lse: 0, ...shape });
      }).toThrow('attention: 3 heads share 2 heads of keys');
      expect(() => {
        tape.attention({ qkv: 0, out: 0, lse: 0, ...shape, kvHeads: 3, length: 1e6 });
      }).toThrow(/length x headWidth is 8000000/);
      expect(() => {
        tape.dropout({ x: 0, y: 0, count: 4, rate: 1, seed: 0 });
      }).toThrow('dropout: rate 1');
      expect(() => {
        tape.axpby({ x: 0, y: 0, a: NaN, b: 0, count: 4 });
      }).toThrow('axpby: an argument is NaN');
      expect(tape.length).toBe(0);
      expect(entryWords).toBe(16);
    }));
});

test('close ends the workers, and a closed pool refuses to run', async () => {
  const before = workerCount();
  const pool = await openPool({ threads: 4 });
  expect(workerCount()).toBe(before + 3);
  pool.close();
  pool.close();
  for (let tries = 0; workerCount() > before && tries < 100; tries++) await sleep(20);
  expect(workerCount()).toBe(before);
  pool.tape.zero({ x: pool.allocate(4), count: 4 });
  expect(() => {
    pool.tape.run();
  }).toThrow('this pool is closed');
});

/** Workers of this process that are alive, by Node's own report. */
function workerCount(): number {
  return (process.report.getReport() as { workers: unknown[] }).workers.length;
}

test('a process that leaves its pool open ends all the same', () => {
  const script = `
    const { openPool } = await import(${JSON.stringify(pathToFileURL(distFile('src/kernels/pool.ts')).href)});
    const pool = await openPool({ threads: 3 });
    const x = pool.allocate(1000);
    pool.tape.zero({ x, count: 1000 });
    pool.tape.run();
    console.log('done');`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 20_000 });
  expect(run).toMatchObject({ status: 0, stdout: 'done\n' });
});
