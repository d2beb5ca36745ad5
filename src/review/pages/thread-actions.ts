/**
 * What is said of messages: approved, rejected, hidden, written anew, left out, and back again. Every change is one entry that
 * can be undone, and answers with what can be undone now.
 */
import { z } from 'zod';
import type { ActionAnswer, ReviewState, TokenView } from '../client/thread-types.ts';
import { asked, parsed } from '../input.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';
import type { Action, ActionKind } from '../../store/review-log.ts';
import { UserError } from '../../util/errors.ts';
import { createTurns, inSteps } from '../turns.ts';
import { tokenReader } from './thread-tokens.ts';
import { tonightOptions } from './thread-view.ts';
import { dateOf, endOf, namesOf, startOf, type Names } from './conversations-names.ts';

const id = z.int().positive();
const mostIds = 5000;
const selection = z.union([
  z.strictObject({ ids: z.array(id).min(1).max(mostIds) }),
  z.strictObject({ chatId: id, between: z.tuple([id, id]).optional() }),
]);
const decideBody = z.strictObject({
  selection,
  decision: z.enum(['approved', 'rejected']).nullable(),
  seenAtMs: z.int().nonnegative(),
});
const editedAtMs = z.int().nullable();
const span = z.strictObject({ start: z.int().nonnegative(), end: z.int().nonnegative() });
const hideBody = z.strictObject({ messageId: id, spans: z.array(span).max(500), editedAtMs });
const lineBody = z.strictObject({ messageId: id, text: z.string().max(10_000).nullable(), editedAtMs });
const excludeBody = z.union([
  z.strictObject({ chatId: id, personId: id.optional(), fromDate: z.iso.date(), toDate: z.iso.date() }),
  z.strictObject({ chatId: id, personId: id.optional() }),
  z.strictObject({ personId: id }),
]);
const includeBody = z.strictObject({ id });
const undoBody = z.strictObject({ expectedId: id });
const tokensQuery = z.strictObject({ message: z.coerce.number().int().positive() });

const verbs: Readonly<Record<ActionKind, string>> = {
  approve: 'Approved',
  reject: 'Rejected',
  reset: 'Cleared the decision of',
  hide: 'Changed what is hidden in',
  line: 'Changed the line of',
  exclude: 'Left out of training',
  include: 'Back in training',
};

export function addThreadActions(app: App, parts: ReviewParts): void {
  const { store, timezone } = parts;
  const { review } = store;
  const tokens = tokenReader(parts, () => tonightOptions(parts));
  const inTurn = createTurns();

  const stateNow = (): ReviewState => {
    const { undo, redo } = review.history();
    const names = namesOf(parts);
    const done = (action: Action | null) => (action === null ? null : { id: action.id, said: said(action) });
    const leftOut = review.exclusions().map(({ id: exclusionId, personId, chatId, fromMs, toMs }) => ({
      id: exclusionId,
      personId,
      chatId,
      name: personId === null ? null : names.person(personId),
      what: describe({ chatId, fromMs, toMs }, names, parts),
    }));
    return { undo: done(undo), redo: done(redo), leftOut };
  };
  const answer = (sentence: string): ActionAnswer => ({ ...stateNow(), said: sentence });
  const done = (action: Action | undefined, otherwise: string): ActionAnswer =>
    answer(action === undefined ? otherwise : `${said(action)}.`);
  const asSeen = <T>(outcome: T | 'changed'): T => {
    if (outcome !== 'changed') return outcome;
    throw new UserError('This message was changed meanwhile, so nothing was done.', 'Look at it again and repeat it.');
  };

  app.get('/api/review/state', (c) => c.json(stateNow()));

  app.post('/api/review/decide', async (c) => {
    const body = await parsed(c, decideBody);
    const { decision, seenAtMs } = body;
    const action = await inTurn(() => inSteps(review.decideInSteps(body.selection, decision, { seenAtMs })));
    return c.json(done(action, 'Nothing changed: it was so already, or the messages are sealed.'));
  });

  app.post('/api/review/hide', async (c) => {
    const { messageId, spans, editedAtMs: seen } = await parsed(c, hideBody);
    return c.json(done(asSeen(await inTurn(() => review.hide(messageId, spans, seen))), 'It was hidden already.'));
  });

  app.post('/api/review/line', async (c) => {
    const { messageId, text, editedAtMs: seen } = await parsed(c, lineBody);
    const { persona } = namesOf(parts);
    const outcome =
      persona === undefined
        ? 'changed'
        : await inTurn(() => review.editLine(messageId, text, { personaId: persona, editedAtMs: seen }));
    return c.json(done(asSeen(outcome), 'The line is as it was.'));
  });

  app.post('/api/review/exclude', async (c) => {
    const body = await parsed(c, excludeBody);
    const isKnown =
      (!('chatId' in body) || store.chats.list().some((chat) => chat.id === body.chatId)) &&
      (body.personId === undefined || review.people.list().some((person) => person.id === body.personId));
    if (!isKnown) throw new UserError('This person or conversation is not here any more.', 'Reload the page.');
    const { personId, ...rest } = body;
    const exclusion = {
      ...(personId !== undefined && { personId }),
      ...('chatId' in rest && { chatId: rest.chatId }),
      ...('fromDate' in rest && { fromMs: startOf(rest.fromDate, timezone), toMs: endOf(rest.toDate, timezone) }),
    };
    const action = await inTurn(() => review.exclude(exclusion));
    return c.json(done(action, 'It was left out already.'));
  });

  app.post('/api/review/include', async (c) => {
    const body = await parsed(c, includeBody);
    return c.json(done(await inTurn(() => review.include(body.id)), 'It was back already.'));
  });

  for (const which of ['undo', 'redo'] as const) {
    app.post(`/api/review/${which}`, async (c) => {
      const { expectedId } = await parsed(c, undoBody);
      const action = await inTurn(() => inSteps(review[`${which}InSteps`](expectedId)));
      if (action === undefined)
        return c.json(answer('Something else was done meanwhile: look again before you go on.'));
      return c.json(answer(`${which === 'undo' ? 'Undone' : 'Done again'}: ${said(action)}.`));
    });
  }

  app.get('/api/tokens', (c) => {
    const { message } = asked(c, tokensQuery);
    const view: TokenView = tokens(message);
    return c.json(view);
  });
}

/** `Approved 3 messages` */
function said({ kind, messages }: Action): string {
  if (kind === 'exclude' || kind === 'include') return verbs[kind];
  return `${verbs[kind]} ${messages === 1 ? '1 message' : `${messages} messages`}`;
}

function describe(
  { chatId, fromMs, toMs }: { chatId: number | null; fromMs: number | null; toMs: number | null },
  names: Names,
  { store, timezone }: ReviewParts,
): string {
  const where =
    chatId === null
      ? 'in every conversation'
      : `in the conversation with ${names.chat(store.review.chats.get(chatId))}`;
  const from = fromMs === null ? '' : `, from ${dateOf(fromMs, timezone)}`;
  const to = toMs === null ? '' : ` to ${dateOf(toMs - 1, timezone)}`;
  return `${where}${from}${to}`;
}
