/**
 * The publish promise under kills at random moments: a process that saves, publishes and prunes is killed; the run that
 * was served or the new one must serve, whole, every time.
 * Not covered: a power cut, which also loses what was written but not fsynced.
 */
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { createRandom } from '../../src/util/random.ts';
import { modelsWithRunZero, publisher, servingNumber } from './examples.ts';

/** The last run that a publisher said it had begun, or had done. */
function lastSaid(output: string, word: 'begin' | 'done'): number | undefined {
  const number = [...output.matchAll(/^(\w+) (\d+)$/gm)].filter((match) => match[1] === word).at(-1)?.[2];
  return number === undefined ? undefined : Number(number);
}

test('40 kills at random moments', { timeout: 300_000 }, async () => {
  const { models, origin } = modelsWithRunZero();
  const random = createRandom('kills');
  let next = 1;
  let midway = 0;
  for (let kill = 0; kill < 40; kill++) {
    const before = servingNumber(models);
    const child = spawn(process.execPath, publisher(origin, models, next, next + 1_000_000));
    let output = '';
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      // the clock starts with the first publish, so that no kill is spent on Node's own start
      if (output === '') setTimeout(() => child.kill('SIGKILL'), random.next() * 60);
      output += text;
    });
    await new Promise((resolve) => child.once('close', resolve));
    expect([child.signalCode, complaint]).toEqual(['SIGKILL', '']);
    const begun = lastSaid(output, 'begin') ?? next - 1;
    const done = lastSaid(output, 'done') ?? before;
    expect(begun).toBeGreaterThanOrEqual(next);
    expect([done, begun]).toContain(servingNumber(models));
    if (begun !== done) midway++;
    next = begun + 1;
  }
  expect(midway).toBeGreaterThan(20); // the others fell between two publishes
});
