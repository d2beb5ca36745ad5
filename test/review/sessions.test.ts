/** Promise F4: links that work once, sessions that end, tries that are counted. */
import { expect, test } from 'vitest';
import { createSessions, newLinkToken, type Sessions } from '../../src/review/sessions.ts';
import { freshStore } from '../store/support.ts';

const minute = 60_000;

function world(): { sessions: Sessions; link: () => string; clock: { ms: number }; again: () => Sessions } {
  const { settings } = freshStore();
  const clock = { ms: Date.UTC(2026, 10, 23) };
  const again = (): Sessions => createSessions(settings, () => clock.ms);
  return { sessions: again(), link: () => newLinkToken(settings, clock.ms), clock, again };
}

/** [strict, plain] as a browser would send them back */
function cookiesOf(exchange: ReturnType<Sessions['exchange']>): [string, string] {
  if ('refused' in exchange) throw new Error(exchange.refused);
  const [strict, plain] = exchange.cookies.map((cookie) => cookie.split(';')[0]!);
  return [strict!, plain!];
}

test('a link has 256 bits and works once', () => {
  const { sessions, link } = world();
  const token = link();
  expect(Buffer.from(token, 'base64url')).toHaveLength(32);
  expect(sessions.exchange(token)).toHaveProperty('cookies');
  expect(sessions.exchange(token)).toEqual({ refused: 'wrong' });
});

test('the cookies are for this browser and this address alone', () => {
  const { sessions, link } = world();
  const exchange = sessions.exchange(link());
  if ('refused' in exchange) throw new Error(exchange.refused);
  const [strict, plain] = exchange.cookies;
  expect(strict).toMatch(
    /^__Host-persona-[\da-f]{12}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure; Max-Age=43200$/,
  );
  expect(plain).toMatch(/^persona-[\da-f]{12}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
});

test('a link is good for an hour; nothing of it is kept in clear', () => {
  const { settings } = freshStore();
  const clock = { ms: 1e12 };
  const sessions = createSessions(settings, () => clock.ms);
  const token = newLinkToken(settings, clock.ms);
  expect(settings.get('review.links')).not.toContain(token);
  clock.ms += 60 * minute;
  expect(sessions.exchange(token)).toEqual({ refused: 'wrong' });
});

test('a link made after a clock was set back is not good for ever', () => {
  const { sessions, link, clock } = world();
  clock.ms += 365 * 24 * 60 * minute;
  const token = link();
  clock.ms -= 365 * 24 * 60 * minute;
  expect(sessions.exchange(token)).toEqual({ refused: 'wrong' });
});

test('idle for 30 minutes, or 12 hours after it began, a session is over; watching does not keep it', () => {
  const { sessions, link, clock } = world();
  const [cookie] = cookiesOf(sessions.exchange(link()));
  for (let n = 0; n < 3; n++) {
    clock.ms += 29 * minute;
    expect(sessions.isOpen(cookie)).toBe(true);
  }
  clock.ms += 20 * minute;
  expect(sessions.isOpen(cookie, 'watch')).toBe(true);
  clock.ms += 10 * minute;
  expect(sessions.isOpen(cookie, 'watch')).toBe(false);

  const [second] = cookiesOf(sessions.exchange(link()));
  for (let n = 0; n < 24 * 2; n++) {
    clock.ms += 15 * minute;
    expect(sessions.isOpen(second)).toBe(n < 47);
  }
});

test('ten wrong tries in a minute, and even the right link waits', () => {
  const { sessions, link, clock } = world();
  const token = link();
  for (let n = 0; n < 10; n++) expect(sessions.exchange(`wrong ${n}`)).toEqual({ refused: 'wrong' });
  expect(sessions.exchange(token)).toEqual({ refused: 'too many tries' });
  clock.ms += minute;
  expect(sessions.exchange(token)).toHaveProperty('cookies');
});

test('where the strict cookie came, the plain one is worth nothing any more', () => {
  const { sessions, link } = world();
  const [strict, plain] = cookiesOf(sessions.exchange(link()));
  expect(sessions.isOpen(plain)).toBe(true);
  expect(sessions.isOpen(`${strict}; ${plain}`)).toBe(true);
  expect(sessions.isOpen(plain)).toBe(false);
  expect(sessions.isOpen(strict)).toBe(true);
});

test('cookies of others, empty and half ones open nothing', () => {
  const { sessions, link } = world();
  const [strict] = cookiesOf(sessions.exchange(link()));
  const name = strict.split('=')[0]!;
  for (const header of [undefined, '', name, `${name}=`, strict.slice(0, -1), `x${strict}`, `${name}=; ${strict}`]) {
    expect(sessions.isOpen(header)).toBe(false);
  }
});

test('after logging out, and after a restart, the cookie opens nothing', () => {
  const { sessions, link, again } = world();
  const [strict] = cookiesOf(sessions.exchange(link()));
  const [second] = cookiesOf(sessions.exchange(link()));
  expect(sessions.end(strict).every((cookie) => cookie.includes('Max-Age=0'))).toBe(true);
  expect(sessions.isOpen(strict)).toBe(false);
  expect(sessions.isOpen(second)).toBe(true);
  expect(again().isOpen(second)).toBe(false);
});
