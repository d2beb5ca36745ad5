/** Message data that the stand-in does not send: odd shapes of ids, quotes across chats, kinds of chats. */
import { expect, test } from 'vitest';
import { chatKindOf, toInbound, type RawMessage } from '../../src/whatsapp/inbound.ts';
import { idText, keyText } from '../../src/whatsapp/shim.ts';

const own = ['4915550000001@c.us', '90000000000001@lid'];
const ana = '4915112345678@c.us';
const group = '120363000000000001@g.us';

function raw(changes: Partial<RawMessage> = {}): RawMessage {
  const id = { fromMe: false, remote: ana, id: '3A01' };
  return { id, type: 'chat', t: 1_790_000_000, body: 'hi', from: ana, ...changes };
}

test('keys in every shape give the same id', () => {
  const base = { fromMe: false, id: '3A01' };
  const expected = `false_${group}_3A01_${ana}`;
  expect(keyText({ ...base, remote: group, participant: ana })).toBe(expected);
  expect(keyText({ ...base, remote: { _serialized: group }, participant: { _serialized: ana } })).toBe(expected);
  expect(keyText({ ...base, remote: { $1: group }, participant: { $1: ana } })).toBe(expected);
  expect(keyText({ ...base, remote: 'x@c.us', $1: expected })).toBe(expected);
  expect(keyText({ ...base, remote: 'x@c.us', _serialized: expected })).toBe(expected);
  expect(keyText({ ...base, remote: ana, participant: null })).toBe(`false_${ana}_3A01`);
});

test('ids of people in every shape', () => {
  expect([idText(ana), idText({ _serialized: ana }), idText({ $1: ana }), idText(null), idText(undefined)]).toEqual([
    ana,
    ana,
    ana,
    '',
    '',
  ]);
});

test.each([
  [own[0], 'self'],
  [own[1], 'self'],
  [ana, 'direct'],
  ['70000000000001@lid', 'direct'],
  [group, 'group'],
  ['status@broadcast', 'status'],
  ['1234@broadcast', 'broadcast'],
  ['1234@newsletter', 'newsletter'],
])('%s is a %s chat', (id, kind) => {
  expect(chatKindOf(id ?? '', own)).toBe(kind);
});

test('a quote of a status or of a group message points into that chat', () => {
  const quote = { quotedStanzaID: '3A77', quotedParticipant: ana };
  const ofStatus = toInbound(raw({ ...quote, quotedRemoteJid: 'status@broadcast' }), own, false);
  expect(ofStatus.quotedId).toBe(`false_status@broadcast_3A77_${ana}`);
  const ofGroup = toInbound(raw({ ...quote, quotedRemoteJid: { _serialized: group } }), own, false);
  expect(ofGroup.quotedId).toBe(`false_${group}_3A77_${ana}`);
});

test('a quote of the own words under the hidden id is known as own', () => {
  const { quotedId } = toInbound(raw({ quotedStanzaID: '3A77', quotedParticipant: own[1] ?? '' }), own, false);
  expect(quotedId).toBe(`true_${ana}_3A77`);
});

test('missing fields are no crash and no text', () => {
  const { from: _from, body: _body, ...bare } = raw();
  expect(toInbound(bare, own, true)).toMatchObject({ senderId: ana, text: '', quotedId: null, isCatchUp: true });
});
