/**
 * Who may be remembered: folds a person's ledger into a consent state, and decides message by message what the store
 * may keep. `admit` is the only maker of `ConsentedMessage`, and the store takes nothing else.
 * Not covered: whether the person on the other phone is who the ledger says, and what WhatsApp itself keeps.
 */
import type { ChatKind, ConsentEvent, ConsentScope, ConsentState, MessageDraft } from '../types.ts';

/** Exists in types only. Private, so that a copy by spread (`{ ...message, text }`) is no longer consented. */
declare class Admitted {
  private readonly admitted: true;
}

/** A message that its author, and in a direct chat the other side too, agreed to have stored. Frozen. */
export type ConsentedMessage = Readonly<MessageDraft> & Admitted;

/** What a person's ledger amounts to now. */
export interface Standing {
  state: ConsentState;
  /** when that state began, unix ms; null when nothing was ever recorded */
  sinceMs: number | null;
  /** someone else vouched for an import, and nothing the person said outweighs it */
  attested: boolean;
}

/**
 * Fold a person's ledger, in the order it was written (clocks may step back, the ledger does not).
 * - a question never changes an answer; a second `granted` keeps the date of the first
 * - `declined`, `withdrawn` and `forgotten` beat every attestation until the person says yes in person
 */
export function consentState(history: readonly ConsentEvent[], scope: ConsentScope): Standing {
  const standing: Standing = { state: 'unknown', sinceMs: null, attested: false };
  const become = (state: ConsentState, atMs: number): void => {
    if (standing.state === state) return;
    standing.state = state;
    standing.sinceMs = atMs;
  };
  for (const event of history) {
    if (event.scope !== scope) continue;
    switch (event.action) {
      case 'asked':
        if (standing.state === 'unknown') become('asked', event.atMs);
        break;
      case 'granted':
        become('granted', event.atMs);
        break;
      case 'declined':
        become('declined', event.atMs);
        standing.attested = false;
        break;
      case 'withdrawn':
      case 'forgotten': // the state has no word of its own for it: whoever asked to be forgotten has withdrawn
        become('withdrawn', event.atMs);
        standing.attested = false;
        break;
      case 'attested':
        if (!isRefused(standing.state)) standing.attested = true;
        break;
    }
  }
  return standing;
}

export function isRefused(state: ConsentState): boolean {
  return state === 'declined' || state === 'withdrawn';
}

/** May what is already stored of this person be used now: for training, prompts and export? */
export function isOpen(standing: { state: ConsentState; attested: boolean }): boolean {
  return standing.state === 'granted' || (standing.attested && !isRefused(standing.state));
}

export interface AdmitContext {
  chatKind: ChatKind;
  /** the owner switched collection on in this chat (not asked of imports) */
  collecting: boolean;
  collectSinceMs: number | null;
  /** of draft.personId, scope `log` */
  author: { state: ConsentState; sinceMs: number | null };
  /** the other members of a direct chat, the owner and the contact; [] for groups and the self-chat */
  others: readonly { state: ConsentState; sinceMs: number | null; attested?: boolean }[];
  isForwarded: boolean;
  isEphemeral: boolean;
  isImport: boolean;
  /** someone vouched for the author of an import (`Standing.attested`) */
  attested: boolean;
}

/**
 * The message as the store may keep it, or undefined.
 *
 * Live: collection is on, and author and (in a direct chat) the other side had granted before it was written.
 * Imports: the author is attested, or the owner who brings the file (`fromMe`) and has granted; anyone else who granted
 * is taken from that moment on. In a direct chat the other side must have granted or be attested.
 * Whoever declined, withdrew or was forgotten is never stored, nor is the other side of a direct chat with them.
 */
export function admit(draft: MessageDraft, context: AdmitContext): ConsentedMessage | undefined {
  if (!isStorableKind(draft, context)) return undefined;
  const allowed = context.isImport ? mayImport(draft, context) : mayLog(draft, context);
  if (!allowed) return undefined;
  const text = draft.kind === 'location' ? '' : storableText(draft.text);
  return Object.freeze({ ...draft, text }) as ConsentedMessage;
}

/**
 * Text as it may be stored. Mentions carry the number of someone who was not asked (`@4915…`), so only `@` stays; a lone
 * surrogate has no UTF-8 and becomes U+FFFD, so that text, file and hash agree.
 */
export function storableText(text: string): string {
  const whole = /[\ud800-\udfff]/.test(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text;
  if (!whole.includes('@')) return whole;
  return whole
    .replace(/@[\u2066-\u2068]\+?[\d\s().\u2010-\u2015-]{5,}\u2069/g, '@') // as exports write it: @+49 151 1234567
    .replace(/@[\u2066-\u2069\u200e\u200f]?\+?\d{5,}/g, '@');
}

function isStorableKind(draft: MessageDraft, context: AdmitContext): boolean {
  if (context.chatKind !== 'direct' && context.chatKind !== 'group' && context.chatKind !== 'self') return false;
  if (context.isForwarded || context.isEphemeral || draft.media === 'contact') return false;
  return draft.kind === 'text' || draft.kind === 'media' || draft.kind === 'edited' || draft.kind === 'location';
}

function mayLog(draft: MessageDraft, context: AdmitContext): boolean {
  const { author, others, collectSinceMs } = context;
  if (!context.collecting || collectSinceMs === null || draft.timestampMs < collectSinceMs) return false;
  if (context.chatKind === 'direct' && others.length === 0) return false;
  return [author, ...others].every(
    (side) => side.state === 'granted' && side.sinceMs !== null && draft.timestampMs >= side.sinceMs,
  );
}

function mayImport(draft: MessageDraft, context: AdmitContext): boolean {
  const { author, others } = context;
  if (isRefused(author.state) || others.some((other) => isRefused(other.state))) return false;
  if (!others.every((other) => other.state === 'granted' || other.attested === true)) return false;
  if (context.attested) return true;
  if (author.state !== 'granted' || author.sinceMs === null) return false;
  return draft.fromMe || draft.timestampMs >= author.sinceMs;
}
