/**
 * The WhatsApp client on the real whatsapp-web.js in a real Chromium, against the stand-in: pairing, what arrives, what
 * is sent. Every test of the life with one page runs in both spellings of WhatsApp's message keys.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openPairedClient, processesOn, temporaryDir, type TestClient } from '../support/whatsapp-web/harness.ts';
import { startStandIn, type StandIn } from '../support/whatsapp-web/server.ts';

const ana = { pn: '4915112345678@c.us', lid: '70000000000001@lid' };
const ben = '4915187654321@c.us';
const kitchen = '120363000000000001@g.us';
const hiddenGroup = '120363000000000002@g.us';

describe.each([
  { msgKeyField: '$1', widJson: 'string' },
  { msgKeyField: '_serialized', widJson: 'object' },
] as const)('WhatsApp Web with MsgKey.$msgKeyField and ids as $widJson', (shape) => {
  let standIn: StandIn;
  let bot: TestClient;
  const sessionDir = temporaryDir('session');

  beforeAll(async () => {
    standIn = await startStandIn(shape);
    const { pn, lid } = standIn.account;
    standIn.contact(ana.pn, { name: 'Ana', pushname: 'ana', lid: ana.lid });
    standIn.contact(ben, { pushname: 'ben' });
    standIn.group(kitchen, { subject: 'Kitchen', participants: [{ id: ana.pn, isAdmin: true }, { id: ben }, { id: pn }] });
    standIn.group(hiddenGroup, { subject: 'Hidden', lidMode: true, participants: [{ id: ana.lid }, { id: lid }] });
    bot = await openPairedClient(standIn, sessionDir);
  });

  afterAll(async () => {
    await bot.client.close();
    await standIn.stop();
    expect(processesOn(sessionDir)).toEqual([]);
    expect(standIn.pageErrors).toEqual([]);
    rmSync(sessionDir, { recursive: true });
  });

  test('shows a QR code, and is ready under the account it was scanned with', () => {
    const { seen } = bot;
    expect(seen.qrs[0]?.split(',')).toHaveLength(5);
    expect(seen.states).toEqual(['starting', 'pairing', 'ready']);
    expect(seen.ready).toEqual([[standIn.account.pn, standIn.account.lid]]);
  });

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

  test('a reply quotes the message it answers, and comes back as our own', async () => {
    const asked = standIn.incoming({ from: ana.pn, body: 'where are you' });
    await bot.seen.message(asked);
    const id = await bot.client.send(ana.pn, 'at home', { quotedId: asked });
    const sent = await standIn.waitForSent('at home');
    expect(sent).toMatchObject({ id, to: ana.pn, quotedStanzaID: asked.split('_')[2], quotedParticipant: ana.pn });
    expect(await bot.seen.message(id)).toMatchObject({ fromMe: true, text: 'at home', quotedId: asked });
  });
});
