/** Which unhandled rejections are the library's, and that all others end the process as they would have. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { containLibraryRejections, isLibraryRejection } from '../../src/whatsapp/contain.ts';
import { errorLine } from '../../src/whatsapp/errors.ts';

const others = process.listeners('unhandledRejection');
let reported: unknown[];

beforeEach(() => {
  reported = [];
  process.removeAllListeners('unhandledRejection'); // the test runner's own
});

afterEach(() => {
  process.removeAllListeners('unhandledRejection');
  for (const listener of others) process.on('unhandledRejection', listener);
});

function errorFrom(file: string): Error {
  return Object.assign(new Error('x'), { stack: `Error: x\n    at f (${file}:1:1)` });
}

const theirs = errorFrom('/app/node_modules/whatsapp-web.js/src/Client.js');
const ours = errorFrom('/app/src/bot/bot.ts');
const reject = (reason: unknown): boolean => process.emit('unhandledRejection', reason, Promise.resolve());

test('known by the stack, or by the two strings the library throws', () => {
  expect(isLibraryRejection(theirs)).toBe(true);
  expect(isLibraryRejection(errorFrom('/app/node_modules/puppeteer-core/lib/x.js'))).toBe(true);
  expect(isLibraryRejection('auth timeout')).toBe(true);
  expect(isLibraryRejection(ours)).toBe(false);
  expect(isLibraryRejection('anything else')).toBe(false);
});

test('theirs are reported, ours thrown; after the end both are nobody`s', () => {
  const release = containLibraryRejections((reason) => reported.push(reason));
  reject(theirs);
  expect(reported).toEqual([theirs]);
  expect(() => reject(ours)).toThrow(ours);
  release();
  expect(reject(theirs)).toBe(false);
});

test('ours are left to another listener where there is one', () => {
  const release = containLibraryRejections((reason) => reported.push(reason));
  const seen: unknown[] = [];
  process.on('unhandledRejection', (reason) => seen.push(reason));
  reject(ours);
  expect([seen, reported]).toEqual([[ours], []]);
  release();
});

test('the log gets the first line of an error, with numbers masked', () => {
  expect(errorLine(new TypeError('invalid wid 4915112345678@c.us\nsecond line'))).toBe('TypeError: invalid wid #@c.us');
  expect(errorLine('auth timeout')).toBe('auth timeout');
});
