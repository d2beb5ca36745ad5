/** Log lines for a person: what stands on a terminal. */
import { describe, expect, test } from 'vitest';
import { createLog, readableLine } from '../../src/util/log.ts';

describe('readable log line', () => {
  const at = new Date(2026, 8, 1, 14, 3, 7).toISOString();

  test('time, words, fields', () => {
    const line = JSON.stringify({ level: 30, time: at, chat: 1, state: 'ready', msg: 'WhatsApp' });
    expect(readableLine(line)).toBe('14:03:07 WhatsApp  chat=1  state=ready');
  });

  test('warnings are named, errors keep their stack', () => {
    const line = JSON.stringify({
      level: 50,
      time: at,
      err: { message: 'x', stack: 'Error: x\n    at y' },
      msg: 'failed',
    });
    expect(readableLine(line)).toBe('14:03:07 ERROR failed\nError: x\n    at y');
  });
});

test('warnings and errors are told by their sentence alone, lines go where they are asked for', () => {
  const problems: string[] = [];
  const lines: string[] = [];
  const log = createLog('info', true, {
    print: (line) => lines.push(line.slice(9)),
    onProblem: (sentence) => problems.push(sentence),
  });
  log.info({ chat: 1 }, 'ready');
  log.warn({ chat: 2 }, 'send failed');
  log.error('stopped');
  log.debug('not asked for');
  expect(problems).toEqual(['send failed', 'stopped']);
  expect(lines).toEqual(['ready  chat=1', 'WARN send failed  chat=2', 'ERROR stopped']);
});
