/**
 * The states of the WhatsApp client, and how a session ends. `logged out`, `blocked` and `outdated` are final: only the owner can mend
 * them.
 */

export const clientStates = [
  'starting',
  'pairing',
  'syncing',
  'ready',
  'phone offline',
  'logged out',
  'blocked',
  'outdated',
  'stopped',
] as const;

export type ClientState = (typeof clientStates)[number];

/** What a session with a running browser may be in. */
export type LinkState = Extract<ClientState, 'pairing' | 'syncing' | 'ready' | 'phone offline'>;

/** How a session ended. After `broken` and `renewed` comes the next one; the others are for the owner to solve. */
export interface SessionEnd {
  reason:
    'closed' | 'broken' | 'renewed' | 'logged out' | 'conflict' | 'blocked' | 'outdated' | 'not linked' | 'no code';
  detail: string;
  /** logged out by what the page shows alone: the profile may still be good, and is left to the next start */
  keepsProfile?: boolean;
  /** the error behind a `broken` */
  error?: unknown;
}

export function isFinal(state: ClientState | undefined): boolean {
  return state === 'logged out' || state === 'blocked' || state === 'outdated';
}
