/** Log lines for a person: what stands on a terminal. */
import { describe, expect, test } from 'vitest';
import { readableLine } from '../../src/util/log.ts';

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
