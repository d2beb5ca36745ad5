/**
 * The WhatsApp client on the real whatsapp-web.js in a real Chromium, against the stand-in: pairing, what arrives, what
 * is sent. All of it with both names of WhatsApp's message key and both shapes of ids in events.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { InboundMessage } from '../../src/types.ts';
import { SendTimeout } from '../../src/whatsapp/client.ts';
import { noProcessOn, openPairedClient, temporaryDir, type TestClient } from '../support/whatsapp-web/harness.ts';
import { startStandIn, type StandIn } from '../support/whatsapp-web/server.ts';
import type { FromPhone, Incoming } from '../support/whatsapp-web/types.ts';

const ana = { pn: '4915112345678@c.us', lid: '70000000000001@lid' };
const ben = '4915187654321@c.us';
const carl = { pn: '4915100000003@c.us', lid: '70000000000003@lid' };
const kitchen = '120363000000000001@g.us';
const hiddenGroup = '120363000000000002@g.us';
const sendMs = 1500;

const stanzaOf = (id: string): string | undefined => id.split('_')[2];

describe.each([
  { msgKeyField: '$1', widJson: 'string' },
  { msgKeyField: '_serialized', widJson: 'object' },
] as const)('WhatsApp Web with MsgKey.$msgKeyField and ids as $widJson', (shape) => {
  let standIn: StandIn;
  let bot: TestClient;
  let own: { pn: string; lid: string };
  const sessionDir = temporaryDir('session');

  beforeAll(async () => {
    standIn = await startStandIn(shape);
    own = standIn.account;
    standIn.contact(ana.pn, { name: 'Ana', pushname: 'ana', lid: ana.lid });
    standIn.contact(ben, { pushname: 'ben' });
    standIn.contact(carl.pn, { lid: carl.lid });
    const participants = [{ id: ana.pn, isAdmin: true }, { id: ben }, { id: own.pn }];
    standIn.group(kitchen, { subject: 'Kitchen', participants });
    standIn.group(hiddenGroup, { subject: 'H', lidMode: true, participants: [{ id: ana.lid }, { id: own.lid }] });
    bot = await openPairedClient(standIn, sessionDir, { timeouts: { sendMs } });
  });

  afterAll(async () => {
    await bot.client.close();
    await standIn.stop();
    await noProcessOn(sessionDir);
    expect(standIn.pageErrors).toEqual([]);
    rmSync(sessionDir, { recursive: true });
  });

  const arrive = (message: Incoming): Promise<InboundMessage> => bot.seen.message(standIn.incoming(message));
  const onPhone = (message: FromPhone): Promise<InboundMessage> => bot.seen.message(standIn.fromPhone(message));

  test('shows a QR code, and is ready under the account it was scanned with', () => {
    expect(bot.seen.qrs[0]?.split(',')).toHaveLength(5);
    expect(bot.seen.states).toEqual(['starting', 'pairing', 'syncing', 'ready']);
    expect(bot.seen.ready).toEqual([[own.pn, own.lid]]);
  });

  describe('what arrives', () => {
    test('a text', async () => {
      const id = standIn.incoming({ from: ana.pn, body: 'hello', t: 1_790_000_000 });
      expect(await bot.seen.message(id)).toEqual({
        id,
        chatId: ana.pn,
        chatKind: 'direct',
        senderId: ana.pn,
        fromMe: false,
        timestampMs: 1_790_000_000_000,
        kind: 'text',
        text: 'hello',
        media: null,
        quotedId: null,
        isForwarded: false,
        isEphemeral: false,
        isCatchUp: false,
      });
    });

    test('quotes, as the id of the quoted message, in direct chats and groups', async () => {
      const first = await arrive({ from: ana.pn, body: 'one' });
      expect(await arrive({ from: ana.pn, body: 'two', quote: first.id })).toMatchObject({ quotedId: first.id });
      expect(await onPhone({ chat: ana.pn, body: 'three', quote: first.id })).toMatchObject({ quotedId: first.id });
      const mine = await onPhone({ chat: ana.pn, body: 'four' });
      expect(await arrive({ from: ana.pn, body: 'five', quote: mine.id })).toMatchObject({ quotedId: mine.id });
      const inGroup = await arrive({ from: ana.pn, chat: kitchen, body: 'six' });
      expect(await arrive({ from: ben, chat: kitchen, body: 'seven', quote: inGroup.id })).toMatchObject({
        quotedId: inGroup.id,
      });
      const mineInGroup = await onPhone({ chat: kitchen, body: 'eight' });
      expect(await arrive({ from: ben, chat: kitchen, body: 'nine', quote: mineInGroup.id })).toMatchObject({
        quotedId: mineInGroup.id,
      });
    });

    test('whether it names the account with @, by either of its ids', async () => {
      const named = { from: ana.pn, chat: kitchen, body: '@1 dinner?' };
      expect(await arrive({ ...named, mentions: [own.pn] })).toMatchObject({ mentionsMe: true });
      expect(await arrive({ ...named, mentions: [ben, own.lid] })).toMatchObject({ mentionsMe: true });
      expect(await arrive({ ...named, mentions: [ben] })).not.toHaveProperty('mentionsMe');
    });

    test('marks: forwarded, disappearing, seen once', async () => {
      expect(await arrive({ from: ana.pn, body: 'f', extra: { isForwarded: true } })).toMatchObject({
        isForwarded: true,
      });
      expect(await arrive({ from: ana.pn, body: 'f', extra: { forwardingScore: 2 } })).toMatchObject({
        isForwarded: true,
      });
      standIn.ephemeral(ben, 604_800);
      expect(await arrive({ from: ben, body: 'soon gone' })).toMatchObject({ isEphemeral: true });
      const once = await arrive({ from: ana.pn, type: 'image', extra: { isViewOnce: true } });
      expect(once).toMatchObject({ isEphemeral: true, kind: 'media' });
    });

    test('media by kind, with the caption and never the thumbnail as text', async () => {
      const directPath = standIn.media(Buffer.from('bytes'));
      const image = { from: ana.pn, type: 'image', body: 'THUMBNAIL', extra: { caption: 'look', directPath } };
      expect(await arrive(image)).toMatchObject({ kind: 'media', media: 'image', text: 'look' });
      expect(await arrive({ from: ana.pn, type: 'video', body: 'THUMBNAIL' })).toMatchObject({
        media: 'video',
        text: '',
      });
      expect(await arrive({ from: ana.pn, type: 'ptt' })).toMatchObject({ kind: 'media', media: 'voice' });
      expect(await arrive({ from: ana.pn, type: 'sticker' })).toMatchObject({ kind: 'media', media: 'sticker' });
      expect(await arrive({ from: ana.pn, type: 'document' })).toMatchObject({ kind: 'media', media: 'file' });
    });

    test('what is not text by nature brings no text', async () => {
      expect(
        await arrive({ from: ana.pn, type: 'location', body: 'THUMBNAIL', extra: { lat: 1, lng: 2 } }),
      ).toMatchObject({
        kind: 'location',
        text: '',
      });
      expect(await arrive({ from: ana.pn, type: 'vcard', body: 'BEGIN:VCARD' })).toMatchObject({
        kind: 'contact',
        media: 'contact',
        text: '',
      });
      expect(await arrive({ from: ana.pn, type: 'call_log', body: 'x' })).toMatchObject({ kind: 'call', text: '' });
      expect(await arrive({ from: ana.pn, type: 'product', body: 'x' })).toMatchObject({ kind: 'system', text: '' });
    });

    test('the author in groups, also behind a hidden id', async () => {
      expect(await arrive({ from: ana.pn, chat: kitchen, body: 'g' })).toMatchObject({
        chatId: kitchen,
        chatKind: 'group',
        senderId: ana.pn,
      });
      expect(await arrive({ from: ana.pn, chat: hiddenGroup, body: 'h' })).toMatchObject({
        chatId: hiddenGroup,
        chatKind: 'group',
        senderId: ana.lid,
      });
    });

    test('a direct chat under a hidden id, and status updates', async () => {
      expect(await arrive({ from: ana.lid, body: 'hidden' })).toMatchObject({
        chatId: ana.lid,
        chatKind: 'direct',
        senderId: ana.lid,
      });
      expect(await arrive({ from: 'status@broadcast', author: ben, body: 'story' })).toMatchObject({
        chatKind: 'status',
        senderId: ben,
      });
    });

    test('what the owner types on the phone, in any chat and to themselves', async () => {
      const mine = { fromMe: true, senderId: own.pn, kind: 'text' };
      expect(await onPhone({ chat: ana.pn, body: 'a' })).toMatchObject({ ...mine, chatId: ana.pn, chatKind: 'direct' });
      expect(await onPhone({ chat: kitchen, body: 'b' })).toMatchObject({
        ...mine,
        chatId: kitchen,
        chatKind: 'group',
      });
      expect(await onPhone({ chat: own.pn, body: 'c' })).toMatchObject({ ...mine, chatId: own.pn, chatKind: 'self' });
      expect(await onPhone({ chat: own.lid, body: 'd' })).toMatchObject({ ...mine, chatKind: 'self' });
    });

    test('every message of others once, though it comes as `message` and as `message_create`', async () => {
      const { id } = await arrive({ from: ana.pn, body: 'once' });
      await arrive({ from: ana.pn, body: 'and another' });
      expect(bot.seen.messages.filter((message) => message.id === id)).toHaveLength(1);
    });

    test('duplicates and another order, as delivered', async () => {
      const [one, two] = ['1', '2'].map((body) => standIn.incoming({ from: carl.pn, body, deliver: false }));
      const ids = [two ?? '', one ?? '', two ?? ''];
      standIn.deliver(ids);
      const order = await bot.seen.until(() => {
        const seen = bot.seen.messages.filter((message) => message.chatId === carl.pn).map((message) => message.id);
        return seen.length >= 3 && seen;
      }, 'three deliveries');
      expect(order).toEqual(ids);
    });

    test('edits', async () => {
      const { id } = await arrive({ from: ana.pn, body: 'wrong' });
      standIn.edit(id, 'right');
      const edit = await bot.seen.until(() => bot.seen.edits.find((each) => each.messageId === id), 'edit');
      expect(edit).toMatchObject({ chatId: ana.pn, text: 'right' });
      expect(Math.abs(edit.atMs - Date.now())).toBeLessThan(60_000);
    });

    test('a text decrypted late is a message and not an edit', async () => {
      const id = standIn.incoming({ from: ana.pn, type: 'ciphertext' });
      standIn.patch(id, { body: 'late', type: 'chat' });
      expect(await bot.seen.message(id)).toMatchObject({ kind: 'text', text: 'late' });
      await arrive({ from: ana.pn, body: 'after it' });
      expect(bot.seen.edits.filter((each) => each.messageId === id)).toEqual([]);
    });

    test('deletions for everyone, also where the page renames the message', async () => {
      const kept = await arrive({ from: ana.pn, chat: kitchen, body: 'oops' });
      const renamed = await arrive({ from: ana.pn, body: 'oops again' });
      standIn.revoke(kept.id);
      standIn.revoke(renamed.id, { renamed: true });
      await bot.seen.until(() => bot.seen.revokes.length >= 2, 'two revokes');
      expect(bot.seen.revokes).toEqual([
        { chatId: kitchen, messageId: kept.id },
        { chatId: ana.pn, messageId: renamed.id },
      ]);
    });

    test('reactions, given and taken back', async () => {
      const { id } = await arrive({ from: ana.pn, chat: kitchen, body: 'funny' });
      standIn.react(ben, id, '😂');
      standIn.react(ben, id, '');
      await bot.seen.until(() => bot.seen.reactions.length >= 2, 'two reactions');
      const base = { chatId: kitchen, messageId: id, senderId: ben, atMs: expect.any(Number) as number };
      expect(bot.seen.reactions).toEqual([
        { ...base, emoji: '😂' },
        { ...base, emoji: '' },
      ]);
      expect(Math.abs((bot.seen.reactions[0]?.atMs ?? 0) - Date.now())).toBeLessThan(60_000);
    });
  });

  describe('what is sent', () => {
    test('a reply quotes the message it answers, and comes back as our own', async () => {
      const asked = await arrive({ from: ana.pn, body: 'where are you' });
      const id = await bot.client.send(ana.pn, 'at home', { quotedId: asked.id });
      const sent = await standIn.waitForSent('at home');
      expect(sent).toMatchObject({ id, to: ana.pn, quotedStanzaID: stanzaOf(asked.id), quotedParticipant: ana.pn });
      expect(await bot.seen.message(id)).toMatchObject({ fromMe: true, text: 'at home', quotedId: asked.id });
    });

    test('without a quote, to a chat nobody wrote in yet; nothing is marked as read', async () => {
      const id = await bot.client.send(ben, 'BEGIN:VCARD is only text, https://example.org');
      const sent = await standIn.waitForSent(/BEGIN:VCARD/);
      expect(sent).toMatchObject({ id, to: ben, type: 'chat' });
      expect(sent.quotedStanzaID).toBeUndefined();
      expect(standIn.ops('seen')).toEqual([]);
    });

    test('in a group, and to a hidden id under the own hidden id', async () => {
      const asked = await arrive({ from: ana.pn, chat: kitchen, body: 'dinner?' });
      await bot.client.send(kitchen, 'pasta', { quotedId: asked.id });
      expect(await standIn.waitForSent('pasta')).toMatchObject({
        to: kitchen,
        quotedParticipant: ana.pn,
        author: own.pn,
      });
      await bot.client.send(ana.lid, 'to the hidden one');
      expect(await standIn.waitForSent('to the hidden one')).toMatchObject({ to: ana.lid, from: own.lid });
    });

    test('a file as a document with its caption, and comes back as our own', async () => {
      const file = { name: 'my-data.json', mimeType: 'application/json', content: Buffer.from('{"ä":1}') };
      const id = await bot.client.sendFile(ana.pn, file, 'all of it');
      const sent = standIn.sent.find((message) => message.caption === 'all of it');
      expect(sent).toMatchObject({ id, to: ana.pn, type: 'document', filename: 'my-data.json' });
      const echo = await bot.seen.message(id);
      expect(echo).toMatchObject({ fromMe: true, kind: 'media', media: 'file', text: 'all of it' });
    });

    test('typing', async () => {
      await bot.client.setTyping(ana.pn, true);
      await bot.client.setTyping(ana.pn, false);
      await standIn.waitFor('chatstate', ({ state }) => state === 'paused');
      expect(standIn.ops('chatstate').map(({ chat, state }) => [chat, state])).toEqual([
        [ana.pn, 'composing'],
        [ana.pn, 'paused'],
      ]);
    });

    test('what cannot leave rejects as such', async () => {
      const unknown = await bot.client.send('4900000 @c.us', 'x').catch((error: unknown) => error);
      expect(unknown).toBeInstanceOf(Error);
      expect(unknown).not.toBeInstanceOf(SendTimeout);
      expect(String(unknown)).not.toContain('4900000');
      standIn.setOptions({ failSend: 'ERROR_UNKNOWN' });
      await expect(bot.client.send(ana.pn, 'refused')).rejects.toThrow('WhatsApp refused the message');
      standIn.setOptions({ failSend: '' });
    });

    test('what may have left rejects as SendTimeout and is not sent again', async () => {
      standIn.setOptions({ sendDelayMs: 2 * sendMs });
      await expect(bot.client.send(ana.pn, 'slow')).rejects.toThrow(SendTimeout);
      standIn.setOptions({ sendDelayMs: 0 });
      await bot.client.send(ana.pn, 'next');
      await standIn.waitForSent('next');
      expect(standIn.sent.filter(({ body }) => body === 'slow')).toHaveLength(1);
    });
  });

  test('all ids of a person, asked for once', async () => {
    expect(await bot.client.aliases(carl.pn)).toEqual([carl.pn, carl.lid]);
    expect(await bot.client.aliases(carl.lid)).toEqual([carl.lid, carl.pn]);
    expect(await bot.client.aliases(own.lid)).toEqual([own.lid, own.pn]);
    expect(await bot.client.aliases(kitchen)).toEqual([kitchen]);
    const before = standIn.ops('exists').length;
    expect(await bot.client.aliases(ben)).toEqual([ben]);
    expect(await bot.client.aliases(ben)).toEqual([ben]);
    expect(standIn.ops('exists').length - before).toBe(1);
  });

  test('older messages of a chat, from a time on, oldest first', async () => {
    const t = 1_700_000_000;
    const ids = Array.from({ length: 120 }, (_, i) => standIn.incoming({ from: carl.lid, body: `${i}`, t: t + i }));
    await bot.seen.message(ids.at(-1) ?? '');
    const found = await bot.client.fetchSince(carl.lid, (t + 20) * 1000);
    expect(found.map((message) => message.id)).toEqual(ids.slice(20));
    expect(found[0]).toMatchObject({ isCatchUp: true, text: '20', timestampMs: (t + 20) * 1000 });
  });
});
