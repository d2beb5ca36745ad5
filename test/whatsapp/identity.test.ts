/** One person under several ids: what is asked of WhatsApp, how often, and what is learnt without asking. */
import { expect, test } from 'vitest';
import { createIdentity } from '../../src/whatsapp/identity.ts';

const pn = '4915112345678@c.us';
const lid = '70000000000001@lid';

/** WhatsApp as far as it matters here: it knows these pairs, and counts the questions. */
function world(known: string[][]): { lookup: (id: string) => Promise<string[]>; asked: string[] } {
  const asked: string[] = [];
  const lookup = async (id: string): Promise<string[]> => {
    asked.push(id);
    return Promise.resolve(known.find((ids) => ids.includes(id)) ?? []);
  };
  return { lookup, asked };
}

test('one question settles both ids, also when asked at the same time', async () => {
  const { lookup, asked } = world([[pn, lid]]);
  const identity = createIdentity(lookup);
  const both = await Promise.all([identity.aliases(pn), identity.aliases(pn)]);
  expect(both).toEqual([
    [pn, lid],
    [pn, lid],
  ]);
  expect(await identity.aliases(lid)).toEqual([lid, pn]);
  expect(asked).toEqual([pn]);
});

test('what was learnt from messages is not asked for', async () => {
  const { lookup, asked } = world([]);
  const identity = createIdentity(lookup);
  identity.learn([lid, pn]);
  expect(await identity.aliases(pn)).toEqual([pn, lid]);
  expect(asked).toEqual([]);
});

test('ids learnt apart become one person', async () => {
  const identity = createIdentity(world([]).lookup);
  identity.learn([pn, lid]);
  identity.learn([lid, '4915100000000@c.us']);
  expect(await identity.aliases(pn)).toEqual([pn, lid, '4915100000000@c.us']);
});

test('groups and lists are no people: neither asked for nor learnt', async () => {
  const { lookup, asked } = world([]);
  const identity = createIdentity(lookup);
  identity.learn(['1@g.us', pn]);
  expect(await identity.aliases('1@g.us')).toEqual(['1@g.us']);
  expect(asked).toEqual([]);
});

test('nothing known is asked again after an hour', async () => {
  const { lookup, asked } = world([]);
  let nowMs = 0;
  const identity = createIdentity(lookup, () => nowMs);
  expect(await identity.aliases(pn)).toEqual([pn]);
  nowMs = 3_599_999;
  await identity.aliases(pn);
  expect(asked).toHaveLength(1);
  nowMs = 3_600_000;
  await identity.aliases(pn);
  expect(asked).toHaveLength(2);
});

test('where WhatsApp cannot be asked, the given id stands alone, and it is asked again next time', async () => {
  const { lookup, asked } = world([[pn, lid]]);
  let isDown = true;
  const identity = createIdentity(async (id) => (isDown ? Promise.reject(new Error('not connected')) : lookup(id)));
  expect(await identity.aliases(pn)).toEqual([pn]);
  isDown = false;
  expect(await identity.aliases(pn)).toEqual([pn, lid]);
  expect(asked).toEqual([pn]);
});
