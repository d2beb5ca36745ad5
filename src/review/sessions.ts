/**
 * Who may look: a link with a one-time token of 256 bits, exchanged for a cookie (promises F4, OWASP ASVS 5 section 7).
 * Tokens are kept as hashes in the database, so that `persona review` can make a link for a page that already runs;
 * sessions live in memory and end with the process.
 * Not covered: cookies are not kept apart by port, so the cookie's name is random for each installation.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { StoredSettings } from '../store/settings.ts';

const linkLifeMs = 60 * 60_000;
const idleMs = 30 * 60_000;
const absoluteMs = 12 * 60 * 60_000;
const wrongTriesPerMinute = 10;
const openLinks = 8;
const openSessions = 32;
const linksKey = 'review.links';
const cookieKey = 'review.cookie';

interface Link {
  /** SHA-256 of the token, hex */
  hash: string;
  expiresMs: number;
}

interface Session {
  /** SHA-256 of the secret in the `__Host-` cookie, hex */
  strict: string;
  /** of the one without the prefix, for browsers that take no Secure cookie on http://127.0.0.1; null once the first came */
  plain: string | null;
  startedMs: number;
  seenMs: number;
}

export type Exchange = { cookies: string[] } | { refused: 'wrong' | 'too many tries' };

const secret = (): string => randomBytes(32).toString('base64url');
const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const isSame = (a: string, b: string): boolean => timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'));

/** Links that may still be used, newest last. */
function linksIn(settings: StoredSettings, nowMs: number): Link[] {
  const stored = JSON.parse(settings.get(linksKey) ?? '[]') as Link[];
  return stored.filter(({ expiresMs }) => expiresMs > nowMs && expiresMs <= nowMs + linkLifeMs);
}

/**
 * A token for one login within the hour, by any process that may open the database.
 * @returns 43 characters of base64url, for the fragment of the link: browsers send that part to nobody
 */
export function newLinkToken(settings: StoredSettings, nowMs: number): string {
  const token = secret();
  const links = [...linksIn(settings, nowMs), { hash: hashOf(token), expiresMs: nowMs + linkLifeMs }];
  settings.set(linksKey, JSON.stringify(links.slice(-openLinks)));
  return token;
}

export interface Sessions {
  /** The token of a link for a session; a token works once. */
  exchange(token: string): Exchange;
  /**
   * Whether the Cookie header is of a session that stands, which then counts as seen.
   * @param use `watch`: a page that is only open in some tab, which does not keep a session alive
   */
  isOpen(cookieHeader: string | undefined, use?: 'watch'): boolean;
  /** @returns cookies that take the browser's away */
  end(cookieHeader: string | undefined): string[];
}

export function createSessions(settings: StoredSettings, now: () => number): Sessions {
  const name = settings.get(cookieKey) ?? `persona-${randomBytes(6).toString('hex')}`;
  settings.set(cookieKey, name);
  const strictName = `__Host-${name}`;
  const attributes = 'Path=/; HttpOnly; SameSite=Strict';
  let sessions: Session[] = [];
  let wrongTries: number[] = [];

  const take = (token: string): boolean => {
    const hash = hashOf(token);
    const links = linksIn(settings, now());
    const rest = links.filter((link) => !isSame(link.hash, hash));
    if (rest.length === links.length) return false;
    settings.set(linksKey, JSON.stringify(rest));
    return true;
  };
  const find = (cookieHeader: string | undefined): Session | undefined => {
    const nowMs = now();
    sessions = sessions.filter(({ startedMs, seenMs }) => nowMs - seenMs < idleMs && nowMs - startedMs < absoluteMs);
    const cookies = cookiesIn(cookieHeader);
    const strict = cookies.get(strictName);
    const plain = cookies.get(name);
    for (const session of sessions) {
      if (strict !== undefined && isSame(session.strict, hashOf(strict))) {
        session.plain = null; // this browser keeps the stricter cookie: the other is of no more use to anybody
        return session;
      }
      if (plain !== undefined && session.plain !== null && isSame(session.plain, hashOf(plain))) return session;
    }
    return undefined;
  };

  return {
    exchange: (token) => {
      const nowMs = now();
      wrongTries = wrongTries.filter((at) => nowMs - at < 60_000);
      if (wrongTries.length >= wrongTriesPerMinute) return { refused: 'too many tries' };
      if (!take(token)) {
        wrongTries.push(nowMs);
        return { refused: 'wrong' };
      }
      const [strict, plain] = [secret(), secret()];
      sessions.push({ strict: hashOf(strict), plain: hashOf(plain), startedMs: nowMs, seenMs: nowMs });
      sessions = sessions.slice(-openSessions);
      const age = `Max-Age=${absoluteMs / 1000}`;
      return {
        cookies: [`${strictName}=${strict}; ${attributes}; Secure; ${age}`, `${name}=${plain}; ${attributes}; ${age}`],
      };
    },
    isOpen: (cookieHeader, use) => {
      const session = find(cookieHeader);
      if (session !== undefined && use !== 'watch') session.seenMs = now();
      return session !== undefined;
    },
    end: (cookieHeader) => {
      const session = find(cookieHeader);
      sessions = sessions.filter((other) => other !== session);
      return [`${strictName}=; ${attributes}; Secure; Max-Age=0`, `${name}=; ${attributes}; Max-Age=0`];
    },
  };
}

/** RFC 6265 section 4.2: pairs with "; " between them. The first of a name counts. */
function cookiesIn(header: string | undefined): Map<string, string> {
  const cookies = new Map<string, string>();
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    const name = pair.slice(0, at).trim();
    if (at > 0 && !cookies.has(name)) cookies.set(name, pair.slice(at + 1).trim());
  }
  return cookies;
}
