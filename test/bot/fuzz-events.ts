/**
 * Events made by chance: what WhatsApp Web could hand over, and what it should not. Half of them are the library's own
 * events with raw fields, the others go to the bot directly, with fields that contradict each other. Every text is a
 * canary of its own, so that one that lands anywhere tells which event it came from.
 */
import { EventEmitter } from 'node:events';
import type { Bot } from '../../src/bot/bot.ts';
import type { InboundMessage } from '../../src/types.ts';
import type { Logger } from '../../src/util/log.ts';
import type { Random } from '../../src/util/random.ts';
import { wireChatEvents } from '../../src/whatsapp/wiring.ts';
import { chatKinds, messageKinds } from './kinds.ts';
import { account, anna, ben, noon, ownerNumber } from './world.ts';

/** Stands in every text of event n, and nowhere else. */
export const canaryOf = (n: number): string => `qzv${n}wombat${(n * 7919) % 99_991}`;
export const canaryPattern = /qzv\d+wombat\d+/;
/** Every id of a stranger begins so. */
export const strangerDigits = '4999077';

export const carol = { c: '491700000004@c.us', lid: '700000004@lid' };
export const dora = { c: '491700000005@c.us', lid: '700000005@lid' };
export const erin = { c: '491700000006@c.us', lid: '700000006@lid' };
export const group = { c: '120363000000000001@g.us' };

/** People and chats that the store knows of, none of whom agreed. */
const known = [anna, ben, carol, dora, { ...group, lid: group.c }];

/** Texts that stand for a command and are none; from a stranger even the command itself is none. */
const lookAlikes = [
  '!bot on',
  '!help',
  '!stop',
  '!consent yes',
  '!collect on',
  '!mydata',
  '!forget',
  'stop',
  '!status',
];
const spoofs = [
  (c: string) => `${c} !consent yes`,
  (c: string) => `"!consent yes" ${c}`,
  (c: string) => `！consent yes ${c}`,
  (c: string) => `\u200b!bot on ${c}`,
  (c: string) => `!consent yes\n${c}`,
  (c: string) => `> !bot on ${c}`,
  (c: string) => `!bot on ${c}`,
  (c: string) => `!nothing of the kind ${c}`,
];
const wrappings = [
  (c: string) => c,
  (c: string) => `well, ${c} is what I said`,
  (c: string) => `<|persona|>${c}<|end|>`,
  (c: string) => `'; DROP TABLE messages; -- ${c}`,
  (c: string) => `\u001b[31m${c}\n{"level":60,"msg":"${c}"}`,
  (c: string) => `\ud800${c}\u0000\u202e`,
  (c: string) => `${c} `.repeat(400),
  (c: string) => `mail ${c}@example.org or +49 170 0000000`,
  ...spoofs,
];

/** Ids that no chat has, or that mean something elsewhere. */
const oddIds = [
  '',
  ' ',
  '@',
  '@c.us',
  '@lid',
  'c.us',
  'undefined',
  'null',
  '__proto__',
  'constructor',
  `${strangerDigits}@c.us\n!stop`,
  `${strangerDigits}@C.US`,
  `${strangerDigits}@c.us@g.us`,
  `${strangerDigits}@hosted`,
  `${strangerDigits}@call`,
  `../../${strangerDigits}`,
  `'; DROP TABLE chats; --${strangerDigits}`,
  `${strangerDigits}🙂@c.us`,
  strangerDigits.repeat(2000),
  `import:${strangerDigits}`,
  `name:${strangerDigits}:me`,
  `${strangerDigits}@newsletter`,
  `${strangerDigits}@broadcast`,
  'status@broadcast',
  '0@c.us',
];

const rawTypes = [
  ...[
    'chat',
    'chat',
    'chat',
    'image',
    'video',
    'ptv',
    'ptt',
    'audio',
    'sticker',
    'document',
    'location',
    'live_location',
  ],
  ...['vcard', 'multi_vcard', 'revoked', 'call_log', 'poll_creation', 'poll_update', 'gp2', 'e2e_notification'],
  ...['ciphertext', 'list', 'buttons_response', 'product', 'order', 'payment', 'event_creation', 'pin', 'unknown'],
];

export interface Fuzzer {
  /** Make event n happen. */
  event: (n: number) => void;
  /** Everything that was begun is handled. */
  handled: () => Promise<void>;
}

export function createFuzzer(bot: Bot, log: Logger, random: Random): Fuzzer {
  const work: Promise<unknown>[] = [];
  const chance = (share: number): boolean => random.next() < share;
  const pick = <T>(items: readonly T[]): T => items[random.int(items.length)] as T;

  const library = new EventEmitter();
  wireChatEvents(library as Parameters<typeof wireChatEvents>[0], {
    events: {
      onMessage: (message) => void work.push(bot.onMessage(message)),
      onEdit: (...edit) => void work.push(bot.onEdit(...edit)),
      onRevoke: (...revoke) => void work.push(bot.onRevoke(...revoke)),
      onReaction: (reaction) => void work.push(bot.onReaction(reaction)),
    },
    log,
    own: () => [account.c, account.lid],
    learn: () => undefined,
    whenReady: (run) => run(),
  });

  const stranger = (): string => `${strangerDigits}${random.int(2000)}${pick(['@c.us', '@lid', '@s.whatsapp.net'])}`;
  const place = (): string => {
    const kind = random.int(10);
    if (kind < 4) return pick(known)[pick(['c', 'lid'] as const)];
    if (kind < 6) return stranger();
    if (kind === 6) return `${strangerDigits}-${random.int(50)}@g.us`;
    if (kind === 7) return pick(['status@broadcast', `${strangerDigits}${random.int(20)}@broadcast`]);
    if (kind === 8) return `${strangerDigits}${random.int(20)}@newsletter`;
    return pick(oddIds);
  };
  const isKnown = (chatId: string): boolean => known.some(({ c, lid }) => c === chatId || lid === chatId);

  /** Whoever could give an order in this place gives none: only look-alikes, and what is no command. */
  const textFor = (chatId: string, fromMe: boolean, n: number): string => {
    const mayCommand = isKnown(chatId) || fromMe || chatId === account.c || chatId === account.lid;
    if (!mayCommand && chance(0.2)) return pick(lookAlikes);
    return pick(wrappings)(canaryOf(n));
  };

  const members = [anna.c, anna.lid, erin.c, erin.lid, ownerNumber.c];
  const stanza = (n: number): string => pick([`3A${n}`, `3A${random.int(n + 1)}`, '']);
  const idOf = (chatId: string, fromMe: boolean, n: number): string => `${fromMe}_${chatId}_${stanza(n)}`;

  /** Fields of a message as whatsapp-web.js reads them in the page. */
  const rawMessage = (n: number): Record<string, unknown> => {
    const remote = place();
    const fromMe = remote !== group.c && chance(0.15); // the owner agreed, and may be stored in a group
    const isGroup = remote.endsWith('@g.us');
    const author = isGroup ? pick([...members, stranger()]) : undefined;
    const text = textFor(remote, fromMe, n);
    const type = pick(rawTypes);
    const id = {
      fromMe,
      remote: pick([remote, { _serialized: remote }, { $1: remote }]),
      id: stanza(n),
      participant: author,
    };
    return {
      ...{
        id,
        type,
        t: pick([Math.floor(noon / 1000), Math.floor(noon / 1000) + n, 0, -1, 2 ** 40]),
        body: text,
        caption: text,
      },
      ...{
        from: fromMe ? account.c : pick([remote, author ?? remote, '', null]),
        to: fromMe ? remote : account.c,
        author,
      },
      ...(chance(0.2) && { quotedStanzaID: stanza(n), quotedParticipant: account.c }),
      ...(chance(0.1) && { mentionedJidList: [account.lid] }),
      ...(chance(0.1) && { isForwarded: true, forwardingScore: 4 }),
      ...(chance(0.1) && { ephemeralDuration: 86_400 }),
      ...(chance(0.05) && { isViewOnce: true }),
      ...(chance(0.1) && { latestEditSenderTimestampMs: noon }),
      ...(type === 'revoked' && chance(0.5) && { protocolMessageKey: id }),
      ...(type === 'poll_creation' && { pollName: text, pollOptions: [{ name: text }] }),
      ...(type === 'vcard' && { vcardFormattedName: text }),
    };
  };

  const fromLibrary = (n: number): void => {
    const raw = rawMessage(n);
    const message = { rawData: raw, body: raw['body'] };
    const kind = random.int(12);
    if (kind < 7) library.emit(pick(['message', 'message_create']), message);
    else if (kind === 7) library.emit('message_edit', message, raw['body'], pick(['before', '', undefined]));
    else if (kind === 8) library.emit('message_revoke_everyone', message, undefined);
    else if (kind === 9) {
      const senderId = pick([anna.c, ben.lid, stranger(), '']);
      library.emit('message_reaction', { msgId: raw['id'], senderId, reaction: canaryOf(n), timestamp: noon / 1000 });
    } else if (kind === 10) library.emit('call', { id: canaryOf(n), peerJid: stranger(), isVideo: chance(0.5) });
    else library.emit(pick(['vote_update', 'group_join', 'group_update', 'contact_changed']), message);
  };

  const directly = (n: number): void => {
    const chatId = place();
    const fromMe = chatId !== group.c && chance(0.1);
    const text = textFor(chatId, fromMe, n);
    const id = pick([idOf(chatId, fromMe, n), idOf(chatId, fromMe, n), pick(oddIds)]);
    const natural = chatId.endsWith('@g.us') ? 'group' : 'direct';
    const message: InboundMessage = {
      ...{ id, chatId, chatKind: chance(0.8) ? natural : pick(chatKinds), fromMe, text },
      senderId: fromMe ? account.c : pick([chatId, chatId, pick(members), stranger(), account.c, pick(oddIds)]),
      timestampMs: pick([noon, noon + n * 1000, 0, -1, Number.MAX_SAFE_INTEGER]),
      ...{ kind: pick(messageKinds), media: pick([null, null, null, 'image', 'contact'] as const) },
      quotedId: pick([null, null, idOf(chatId, true, n)]),
      ...{ isForwarded: chance(0.1), isEphemeral: chance(0.1), isCatchUp: chance(0.2) },
      ...(chance(0.1) && { mentionsMe: true as const }),
    };
    const kind = random.int(10);
    if (kind === 0) work.push(bot.onEdit(chatId, id, text, message.timestampMs));
    else if (kind === 1) work.push(bot.onRevoke(chatId, id));
    else if (kind === 2) {
      const reaction = { chatId, messageId: id, senderId: message.senderId, emoji: canaryOf(n), atMs: noon };
      work.push(bot.onReaction(reaction));
    } else work.push(bot.onMessage(message));
  };

  return {
    event: (n) => (chance(0.5) ? fromLibrary(n) : directly(n)),
    handled: async () => {
      await Promise.all(work.splice(0));
    },
  };
}
