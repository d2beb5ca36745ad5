/**
 * What stands between a web page elsewhere and this one, as plain functions over raw requests (promises F2, F3, F6).
 * The server takes them as one argument, so that a test can take one out and see its attack succeed.
 * Not covered: programs of the same user on this machine, which can read the database anyway.
 */

/** Headers by lower-case name; node joins a header that came twice, or drops the second. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface Protections {
  /** Is the request addressed to us by our own name? Checked before anything else; else 421 */
  isOurHost(rawHeaders: readonly string[], hosts: readonly string[]): boolean;
  /** May this request change something? Else 403 */
  isOurWrite(headers: Headers, origins: readonly string[]): boolean;
  /** Only with a session; else 401, or the page that asks for the link */
  needsSession: boolean;
  /** sent with every answer */
  headers: Readonly<Record<string, string>>;
}

/**
 * Exactly one Host header, equal to one of ours byte by byte (case apart, RFC 9110 section 4.2.3): a page that resolves
 * its own name to 127.0.0.1 (DNS rebinding) sends its own name.
 * @param rawHeaders names and values in turn, as they came
 */
function isOurHost(rawHeaders: readonly string[], hosts: readonly string[]): boolean {
  const found: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]!.toLowerCase() === 'host') found.push(rawHeaders[at + 1]!.toLowerCase());
  }
  return found.length === 1 && hosts.includes(found[0]!);
}

/**
 * A write comes from our own page: JSON (which a form cannot send), an Origin that is exactly ours (missing and `null`
 * are not), and what the browser itself says of where it came from (Fetch Metadata).
 */
function isOurWrite(headers: Headers, origins: readonly string[]): boolean {
  const { origin } = headers;
  return (
    typeof origin === 'string' &&
    origins.includes(origin) &&
    headers['sec-fetch-site'] === 'same-origin' &&
    /^application\/json(?:;\s*charset=utf-8)?$/i.test(String(headers['content-type'] ?? ''))
  );
}

const policy = [
  `default-src 'none'`,
  `script-src 'self'`,
  `style-src 'self'`,
  `img-src 'self' data:`,
  `connect-src 'self'`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
  `require-trusted-types-for 'script'`,
  `trusted-types 'none'`,
];

export const protections: Protections = {
  isOurHost,
  isOurWrite,
  needsSession: true,
  headers: {
    'Content-Security-Policy': policy.join('; '),
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  },
};
