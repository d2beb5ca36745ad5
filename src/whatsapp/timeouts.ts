/** How long the supervisor waits for what. Each default suits a slow machine on a slow line; tests shorten them. */

/** Limits and intervals in ms. */
export interface Timeouts {
  /** launch to QR code or login */
  startMs: number;
  /** login to ready, without any progress */
  readyMs: number;
  /** between two looks at a page that is not ready, or that did not answer */
  pollMs: number;
  /** between two looks at a page that is ready */
  pulseMs: number;
  /** the question whether the page is there */
  probeMs: number;
  /** without any event, WhatsApp's server is asked something, and again after so long */
  silenceMs: number;
  /** one message, until WhatsApp's server has taken it */
  sendMs: number;
  /** one other question to the page */
  callMs: number;
  /** for Chromium to close by itself, also one whose program was killed */
  closeMs: number;
  /** a browser that is killed sooner after pairing may not have written the session yet */
  keepMs: number;
  /** before the first restart; five times as long before each further one within an hour */
  backoffMs: number;
  /** QR or pairing codes are shown so long, then the program stops */
  pairingMs: number;
  /** between two looks at memory and age of the browser */
  upkeepMs: number;
  /** no event and no call for so long is a quiet moment */
  quietMs: number;
  /** a browser of this age is replaced at a quiet moment */
  maxAgeMs: number;
  /** between two replacements for memory, at least */
  renewEveryMs: number;
}

const minute = 60_000;
const hour = 60 * minute;

export const defaultTimeouts: Timeouts = {
  startMs: 2 * minute,
  readyMs: 3 * minute,
  pollMs: 2_000,
  pulseMs: 15_000,
  probeMs: 10_000,
  silenceMs: 15 * minute,
  sendMs: 30_000,
  callMs: 30_000,
  closeMs: 15_000,
  keepMs: 10_000,
  backoffMs: 1_000,
  pairingMs: hour,
  upkeepMs: minute,
  quietMs: minute,
  maxAgeMs: 7 * 24 * hour,
  renewEveryMs: 6 * hour,
};
