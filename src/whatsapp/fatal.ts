/** What the owner is told when a session ended for good, and the state that is left. */
import { UserError } from '../util/errors.ts';
import { errorLine } from './errors.ts';
import type { ClientState, SessionEnd } from './states.ts';

/** How a session may end that no other one follows. */
export type FatalReason = Exclude<SessionEnd['reason'], 'closed' | 'broken' | 'renewed'>;

export function isFatal(end: SessionEnd): end is SessionEnd & { reason: FatalReason } {
  return end.reason !== 'closed' && end.reason !== 'broken' && end.reason !== 'renewed';
}

export function describeFatal(reason: FatalReason, detail: string): { state: ClientState; error: UserError } {
  switch (reason) {
    case 'logged out':
      return {
        state: reason,
        error: new UserError('WhatsApp logged this device out.', 'Start again and scan the QR code.'),
      };
    case 'blocked':
      return {
        state: reason,
        error: new UserError(
          `WhatsApp blocked this account or connection (${detail}).`,
          'Open WhatsApp on the phone and follow what it says.',
        ),
      };
    case 'outdated':
      return {
        state: reason,
        error: new UserError('WhatsApp Web refuses this version.', 'Update this program and start again.'),
      };
    case 'conflict':
      return {
        state: 'stopped',
        error: new UserError(
          'This WhatsApp session is in use elsewhere.',
          'Close the other WhatsApp Web window and start again.',
        ),
      };
    case 'not linked':
      return {
        state: 'stopped',
        error: new UserError(
          'Nobody linked this device with the phone.',
          'Start again with the phone at hand: Linked devices > Link a device.',
        ),
      };
    case 'no code':
      return {
        state: 'stopped',
        error: new UserError(
          `WhatsApp gave no pairing code (${detail}).`,
          'Check PAIRING_NUMBER (country code first), wait an hour after several tries, or unset it to pair by QR code.',
        ),
      };
  }
}

/** No network leads to WhatsApp, and somebody is there to hear it. */
export function unreachable(cause: unknown): UserError {
  return new UserError(
    `web.whatsapp.com cannot be reached (${errorLine(cause)}).`,
    'Check the network of this machine, then start again.',
    { cause },
  );
}

/** Chromium's word for a page that no network leads to. */
export function isNetworkError(error: unknown): boolean {
  return (
    error instanceof Error && /net::ERR_(?:NAME|INTERNET|ADDRESS|NETWORK|CONNECTION|PROXY|TIMED)/.test(error.message)
  );
}

export function browserFailed(cause: unknown): UserError {
  const hint = 'Run `persona doctor`, or point CHROME_PATH at a Chrome or Chromium that starts.';
  return new UserError(`The browser could not be started (${errorLine(cause)}).`, hint, { cause });
}
