/** Messages of the store as the page shows them: names, days, and what each is for tonight's training and why. */
import type { Quoted, ThreadMessage as Stored } from '../../store/review-threads.ts';
import type { ThreadMessage } from '../client/thread-types.ts';
import type { ReviewParts } from '../parts.ts';
import { isPersonas, tonightOf, type TonightOptions, type TonightReason } from '../tonight.ts';
import { dayOf, mediaNames, namesOf, timeOf } from './conversations-names.ts';

const reasons: Readonly<Record<TonightReason, string>> = {
  sealed: 'sealed: no consent',
  rejected: 'you rejected it',
  excluded: 'person, chat or days are left out',
  undecided: 'nobody approved it yet',
  empty: 'nothing in it to learn',
  bot: 'the bot wrote it',
  other: 'not the persona',
  repeated: 'said before, so not learned again',
  test: 'to judge the new model by',
  validation: 'to know when to stop training',
  persona: 'tonight the model learns this',
  correction: 'your correction, learned tonight',
};

/** Nobody has this id: where the persona never wrote, everybody else is context. */
const nobody = -1;

export function tonightOptions(parts: ReviewParts): TonightOptions {
  const { timezone, reviewRequired } = parts;
  return { personaId: namesOf(parts).persona ?? nobody, timezone, reviewRequired };
}

export type ThreadReader = (messages: readonly Stored[]) => ThreadMessage[];

export function threadReader(parts: ReviewParts): ThreadReader {
  const { store, timezone } = parts;
  const names = namesOf(parts);
  const options = tonightOptions(parts);

  const quoteOf = (quoted: Quoted | null): ThreadMessage['quote'] => {
    if (quoted === null || quoted.id === null || quoted.personId === null) return null;
    const text = quoted.text !== '' ? quoted.text : quoted.media === null ? 'A message' : mediaNames[quoted.media];
    return { id: quoted.id, name: names.person(quoted.personId), text };
  };
  return (messages) => {
    const tonight = tonightOf(store, messages, options);
    return messages.map((message): ThreadMessage => {
      const { id, personId, isBot, timestampMs, isSealed } = message;
      const { standing, reason } = tonight.get(id)!;
      return {
        id,
        atMs: timestampMs,
        day: dayOf(timestampMs, timezone),
        time: timeOf(timestampMs, timezone),
        personId,
        name: isBot ? parts.personaName : names.person(personId),
        who: isBot ? 'bot' : isPersonas(message, options.personaId) ? 'persona' : 'other',
        text: message.text,
        hidden: message.hidden,
        line: message.line,
        media: isSealed ? 'Sealed message' : message.media === null ? null : mediaNames[message.media],
        quote: quoteOf(message.quotes ?? message.corrects),
        reactions: message.reactions.map(({ emoji, personId: by }) => ({ emoji, name: names.person(by) })),
        editedAtMs: message.editedAtMs,
        isDeleted: message.kind === 'deleted',
        decision: message.decision,
        standing,
        why: reasons[reason],
      };
    });
  };
}
