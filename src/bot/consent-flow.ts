/**
 * Asking for consent and taking the answer: question -> ledger -> what the bot says. Asked once per version of the
 * notice and person, only where the owner switched collection on, and never again after a refusal; a person who refused
 * may still say yes unasked. A refusal that cannot be written (disk full) counts from the moment it was said.
 * In a group the question is put to all, and each member answers for themself.
 */
import { consentState, isRefused } from '../consent/policy.ts';
import type { Standing } from '../consent/policy.ts';
import { withBallast } from '../store/ballast.ts';
import type { Chat } from '../store/chats.ts';
import type { ConsentAction, ConsentEvent, ConsentScope } from '../types.ts';
import type { BotDeps } from './deps.ts';
import { describeError } from './errors.ts';
import type { Sender } from './send.ts';
import type { Sentences } from './sentences.ts';

export interface ConsentFlow {
  /** Where a person stands now, refusals that still wait for the disk included. */
  standing: (personId: number, scope: ConsentScope) => Standing;
  /** Everything that was said is in the store: nothing else is needed to know where somebody stands. */
  isWritten: () => boolean;
  /** Put the question to a group, once per version of the notice. */
  askGroup: (chat: Chat, to: string) => Promise<'sent' | 'not sent' | 'asked before'>;
  /**
   * Send the notice if this person was not asked yet. `refused` and `granted`: nothing to ask.
   * @param isWanted they want to agree: who refused without ever having seen the question is asked then
   */
  ask: (
    chat: Chat,
    to: string,
    personId: number,
    isWanted?: boolean,
  ) => Promise<'sent' | 'not sent' | 'asked before' | 'granted' | 'refused'>;
  /**
   * An OWNER_NUMBER needs no question: the owner agreed in `init`. After a refusal it takes the owner's word from that
   * number itself (`inPerson`), which an owner's command written there is.
   */
  grantOwnNumber: (chat: Chat, personId: number, inPerson: boolean) => void;
  /** `!consent yes`. Undefined: it changes nothing (granted already, or this person never saw a question). */
  yes: (chat: Chat, personId: number, saidAtMs: number) => 'granted' | undefined;
  /** `!consent imitate`, said by the person whose voice is learned. Undefined: it changes nothing. */
  imitate: (chat: Chat, personId: number, saidAtMs: number) => 'imitateGranted' | undefined;
  /** `!consent no` */
  no: (chat: Chat, personId: number, saidAtMs: number) => 'declined' | 'withdrawn' | undefined;
  /** `!stop` */
  stop: (chat: Chat, personId: number, saidAtMs: number) => 'withdrawn' | undefined;
  /** `!forget`: as `!stop`, and everything of this person is erased now: resolves when that is done, or has failed for now. */
  forget: (chat: Chat, personId: number, saidAtMs: number) => Promise<'forgotten' | undefined>;
  /** A bare "stop", said since this person agreed, that was not yet asked back? Notes that it is now. */
  mayConfirmStop: (chat: Chat, personId: number, saidAtMs: number) => boolean;
  /** Try again to write refusals and to erase what could not be written or erased. */
  flush: () => void;
}

export function createConsentFlow(
  { store, now, log, forget: eraseAll }: BotDeps,
  sentences: Sentences,
  sender: Sender,
): ConsentFlow {
  /** refusals that the disk would not take yet */
  let unwritten: ConsentEvent[] = [];
  const hasRows = (personId: number): boolean => store.lookups.rowIds(personId).length > 0;
  /** people whose rows have to go; a process that died or a full disk may have left some */
  const toErase = new Set<number>();
  for (const { id } of store.people.list()) {
    if (isForgotten(store.consent.history(id)) && hasRows(id)) toErase.add(id);
  }

  const history = (personId: number): ConsentEvent[] => [
    ...store.consent.history(personId),
    ...unwritten.filter((event) => event.personId === personId),
  ];
  const standing = (personId: number, scope: ConsentScope): Standing => consentState(history(personId), scope);

  /** hash of the question that this person was last shown */
  const shownHash = (personId: number): string | undefined =>
    history(personId).findLast((event) => event.scope === 'log' && event.action === 'asked')?.noticeHash;
  const groupKey = (chat: Chat): string => `bot.groupAsked.${chat.id}`;

  const append = (event: ConsentEvent): void => store.consent.append(event);

  const ask: ConsentFlow['ask'] = async (chat, to, personId, isWanted = false) => {
    const { state } = standing(personId, 'log');
    if (state === 'granted') return 'granted';
    if (isRefused(state) && !(isWanted && shownHash(personId) === undefined)) return 'refused';
    const { text, hash } = sentences.notice();
    if (history(personId).some((event) => event.action === 'asked' && event.noticeHash === hash)) return 'asked before';
    const { outcome } = await sender.send({ chatId: chat.id, to, text, kind: 'notice', inReplyTo: null });
    if (outcome !== 'sent' && outcome !== 'unknown') return 'not sent';
    append({ personId, scope: 'log', action: 'asked', atMs: now(), noticeHash: hash, chatId: chat.id });
    return 'sent';
  };

  const askGroup: ConsentFlow['askGroup'] = async (chat, to) => {
    const { text, hash } = sentences.notice();
    if (store.settings.get(groupKey(chat)) === hash) return 'asked before';
    const { outcome } = await sender.send({ chatId: chat.id, to, text, kind: 'notice', inReplyTo: null });
    if (outcome !== 'sent' && outcome !== 'unknown') return 'not sent';
    store.settings.set(groupKey(chat), hash);
    return 'sent';
  };

  /** Refuse in every scope that stands; `log` always. */
  const refuse = (chat: Chat, personId: number, action: ConsentAction, saidAtMs: number): void => {
    const scopes: ConsentScope[] = standing(personId, 'imitate').state === 'granted' ? ['log', 'imitate'] : ['log'];
    const events = scopes.map((scope): ConsentEvent => ({
      personId,
      scope,
      action,
      atMs: saidAtMs,
      noticeHash: '',
      chatId: chat.id,
    }));
    try {
      withBallast(store.dataDir, () => store.transaction(() => events.forEach(append)));
    } catch (error) {
      unwritten.push(...events);
      log.error(
        { chat: chat.id, ...describeError(error) },
        'a refusal could not be written yet, and counts nevertheless',
      );
    }
  };

  /** The same refusal, delivered again. */
  const isWritten = (personId: number, refusal: ConsentAction, saidAtMs: number): boolean =>
    history(personId).some(({ action, atMs }) => action === refusal && atMs === saidAtMs);

  /** A refusal found late, said before the consent that stands now, was overtaken by it. */
  const isOvertaken = ({ state, sinceMs }: Standing, saidAtMs: number): boolean =>
    state === 'granted' && sinceMs !== null && saidAtMs < sinceMs;

  let erasing: Promise<void> | undefined;
  let failedAtMs = -Infinity;
  /** One person after the other; who is added meanwhile is among them. Never rejects. */
  const erase = (): Promise<void> => {
    erasing ??= eraseEach().finally(() => (erasing = undefined));
    return erasing;
  };
  const eraseEach = async (): Promise<void> => {
    const failed = new Set<number>();
    for (;;) {
      const personId = [...toErase].find((id) => !failed.has(id));
      if (personId === undefined) return;
      try {
        await eraseAll(personId);
        toErase.delete(personId);
      } catch (error) {
        failed.add(personId);
        failedAtMs = now();
        log.error({ person: personId, ...describeError(error) }, 'forgetting failed; it is tried again');
      }
    }
  };

  return {
    standing,
    isWritten: () => unwritten.length === 0,
    ask,
    askGroup,
    grantOwnNumber: (chat, personId, inPerson) => {
      const { state } = standing(personId, 'log');
      if (state === 'granted' || (isRefused(state) && !inPerson)) return;
      append({ personId, scope: 'log', action: 'granted', atMs: now(), noticeHash: '', chatId: chat.id });
    },
    yes: (chat, personId, saidAtMs) => {
      const noticeHash =
        shownHash(personId) ?? (chat.kind === 'group' ? store.settings.get(groupKey(chat)) : undefined);
      const before = standing(personId, 'log');
      if (noticeHash === undefined || before.state === 'granted') return undefined;
      if (isRefused(before.state) && saidAtMs < (before.sinceMs ?? 0)) return undefined; // delivered late, refused since
      append({ personId, scope: 'log', action: 'granted', atMs: saidAtMs, noticeHash, chatId: chat.id });
      return 'granted';
    },
    imitate: (chat, personId, saidAtMs) => {
      const before = standing(personId, 'imitate');
      const noticeHash = shownHash(personId);
      if (noticeHash === undefined || (isRefused(before.state) && saidAtMs < (before.sinceMs ?? 0))) return undefined;
      if (before.state === 'granted' && isApproved(history(personId), chat.id)) return undefined;
      append({ personId, scope: 'imitate', action: 'granted', atMs: saidAtMs, noticeHash, chatId: chat.id });
      return 'imitateGranted';
    },
    no: (chat, personId, saidAtMs) => {
      const before = standing(personId, 'log');
      if (isRefused(before.state) || isOvertaken(before, saidAtMs)) return undefined;
      refuse(chat, personId, 'declined', saidAtMs);
      return before.state === 'granted' || before.attested ? 'withdrawn' : 'declined';
    },
    stop: (chat, personId, saidAtMs) => {
      const before = standing(personId, 'log');
      if (before.state === 'withdrawn' || isOvertaken(before, saidAtMs)) return undefined;
      if (isRefused(before.state) && isWritten(personId, 'withdrawn', saidAtMs)) return undefined;
      refuse(chat, personId, 'withdrawn', saidAtMs);
      return 'withdrawn';
    },
    forget: async (chat, personId, saidAtMs) => {
      if (isOvertaken(standing(personId, 'log'), saidAtMs)) return undefined;
      const isNew = !isForgotten(history(personId)) && !isWritten(personId, 'forgotten', saidAtMs);
      if (isNew) refuse(chat, personId, 'forgotten', saidAtMs);
      if (isNew || hasRows(personId)) toErase.add(personId);
      await erase();
      return isNew ? 'forgotten' : undefined;
    },
    mayConfirmStop: (chat, personId, saidAtMs) => {
      const { state, sinceMs } = standing(personId, 'log');
      if (state !== 'granted' || sinceMs === null || saidAtMs < Math.floor(sinceMs / 1000) * 1000) return false;
      const key = `bot.stopConfirmed.${chat.id}`;
      if (store.settings.get(key) === String(sinceMs)) return false;
      store.settings.set(key, String(sinceMs));
      return true;
    },
    flush: () => {
      if (toErase.size > 0 && now() - failedAtMs >= retryMs) void erase();
      if (unwritten.length === 0) return;
      try {
        store.transaction(() => unwritten.forEach(append));
        unwritten = [];
      } catch (error) {
        log.warn({ count: unwritten.length, ...describeError(error) }, 'refusals still cannot be written');
      }
    },
  };
}

/** what failed is not tried with every message */
const retryMs = 60_000;

const refusals: readonly ConsentAction[] = ['declined', 'withdrawn', 'forgotten'];

/** May this person's voice be used in this chat: did they say so there, since they last refused? */
export function isApproved(history: readonly ConsentEvent[], chatId: number): boolean {
  const ofVoice = history.filter(({ scope }) => scope === 'imitate');
  const refusedAt = ofVoice.findLastIndex(({ action }) => refusals.includes(action));
  return ofVoice.slice(refusedAt + 1).some((event) => event.action === 'granted' && event.chatId === chatId);
}

/** Is it the last thing that this person said about the log? */
function isForgotten(history: readonly ConsentEvent[]): boolean {
  const said = history.filter(
    ({ scope, action }) => scope === 'log' && (action === 'granted' || refusals.includes(action)),
  );
  return said.at(-1)?.action === 'forgotten';
}
