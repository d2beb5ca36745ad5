/**
 * The link to WhatsApp as the running program knows it. A QR or pairing code lets whoever has it into the account: it is
 * held in memory alone, never logged or written, and is gone as soon as it was used or is over.
 */
import type { ClientState } from '../whatsapp/client.ts';

export interface Link {
  state: ClientState;
  /** unix ms */
  sinceMs: number;
  /** what links the phone; null: nothing to link now */
  pairing: Pairing | null;
}

/** `version` is another number for each code. */
export type Pairing = { version: number } & ({ qr: string } | { code: string });

export interface LinkKeeper {
  now(): Link;
  onState(state: ClientState): void;
  /** the text of a QR code; it stands until the next one, or another state */
  onQr(text: string): void;
  /** a pairing code, eight characters */
  onCode(text: string): void;
}

/** @param now unix ms */
export function createLink(now: () => number): LinkKeeper {
  let link: Link = { state: 'starting', sinceMs: now(), pairing: null };
  let version = 0;
  return {
    now: () => link,
    onState: (state) => {
      const pairing = state === 'pairing' ? link.pairing : null;
      link = { state, sinceMs: state === link.state ? link.sinceMs : now(), pairing };
    },
    onQr: (qr) => {
      link = { ...link, pairing: { version: ++version, qr } };
    },
    onCode: (code) => {
      link = { ...link, pairing: { version: ++version, code } };
    },
  };
}
