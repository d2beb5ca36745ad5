/**
 * What is done about a person: consent taken back, ids split off or people made one, and forgetting, which asks for the name
 * as the page shows it. Leaving out of training is one of the thread's actions (thread-actions.ts).
 */
import { z } from 'zod';
import type { PeopleAnswer } from '../client/people-types.ts';
import { parsed } from '../input.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';
import type { ConsentScope } from '../../types.ts';
import { UserError } from '../../util/errors.ts';
import { namesOf, visible } from './conversations-names.ts';

const personId = z.int().positive();
const withdrawBody = z.strictObject({ personId });
const splitBody = z.strictObject({ personId, aliases: z.array(z.string().min(1).max(1000)).min(1).max(200) });
const mergeBody = z.strictObject({ personId, otherId: personId });
const forgetBody = z.strictObject({ personId, typed: z.string().max(2000) });

export function addPeopleActions(app: App, parts: ReviewParts): void {
  const { store } = parts;
  const known = (id: number): number => {
    if (store.review.people.list().some((person) => person.id === id)) return id;
    throw new UserError('This person is not here any more.', 'Go back to the list of people.');
  };
  const answer = (id: number, said: string): PeopleAnswer => ({ said, goTo: `/person/${id}` });

  app.post('/api/people/withdraw', async (c) => {
    const body = await parsed(c, withdrawBody);
    const id = known(body.personId);
    const stands = (scope: ConsentScope): boolean =>
      scope === 'log' ? store.consent.isOpen(id) : store.consent.state(id, scope).state === 'granted';
    const atMs = Date.now();
    store.transaction(() => {
      for (const scope of ['log', 'imitate'] as const) {
        if (stands(scope))
          store.consent.append({ personId: id, scope, action: 'withdrawn', atMs, noticeHash: '', chatId: null });
      }
    });
    return c.json(answer(id, 'Their consent is taken back. What they wrote is sealed from now on.'));
  });

  app.post('/api/people/split', async (c) => {
    const body = await parsed(c, splitBody);
    const id = known(body.personId);
    const own = new Set(store.people.aliases(id));
    if (!body.aliases.every((alias) => own.has(alias))) {
      throw new UserError('These ids are not all of this person any more.', 'Reload the page.');
    }
    const other = store.review.people.split(id, body.aliases, store.review.people.chatsOfAliases(id, body.aliases));
    return c.json(answer(other, 'They are somebody else now, who has agreed to nothing yet.'));
  });

  app.post('/api/people/merge', async (c) => {
    const body = await parsed(c, mergeBody);
    if (body.personId === body.otherId) throw new UserError('These are the same person.', 'Choose somebody else.');
    const left = store.review.people.merge(known(body.personId), known(body.otherId));
    return c.json(answer(left, 'They are one person now. Where either said no, no counts.'));
  });

  app.post('/api/people/forget', async (c) => {
    const body = await parsed(c, forgetBody);
    const id = known(body.personId);
    if (same(body.typed) !== same(visible(namesOf(parts).person(id)))) {
      throw new UserError('That is not the name, so nothing was erased.', 'Type the name as the page shows it.');
    }
    await parts.people.forget(id);
    const said = 'Forgotten. The receipt says what was erased.';
    const done: PeopleAnswer = { said, goTo: '/people#receipts' };
    return c.json(done);
  });
}

/** Names as people type them: case and spaces do not count. */
const same = (name: string): string => name.normalize('NFC').trim().replaceAll(/\s+/g, ' ').toLowerCase();
