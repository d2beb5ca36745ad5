/**
 * A question on the playground -> the persona's answer with everything behind it: the same prompt, ranking, dislikes and last
 * look as for a chat, told instead of sent. The last answers are kept in memory, so that a correction is of something that
 * was really said; nothing of them is written anywhere.
 */
import { randomUUID } from 'node:crypto';
import { dislikedLast } from '../../reply/disliked.ts';
import type { Explained, ExplainedCandidate, ExplainRequest } from '../../reply/explain.ts';
import { checkReply, type GuardReason } from '../../reply/guard.ts';
import type { ConversationMessage } from '../../types.ts';
import { UserError } from '../../util/errors.ts';
import type { Candidate, ReplyAnswer, ReplyQuestion, TokensAnswer } from '../client/playground-types.ts';
import type { ReviewParts } from '../parts.ts';
import { tonightOptions } from './thread-view.ts';

export interface PlaygroundAnswers {
  reply(question: ReplyQuestion): Promise<ReplyAnswer>;
  /** @throws UserError where that answer is not remembered any more */
  tokens(replyId: string, seed: number): Promise<TokensAnswer>;
  /** What was said last before that answer, and every candidate for it. @throws as `tokens` */
  exchange(replyId: string): { said: string[]; candidates: readonly ExplainedCandidate[] };
}

interface Remembered {
  request: ExplainRequest;
  said: string[];
  candidates: readonly ExplainedCandidate[];
}

/** answers that can still be corrected */
const remembered = 50;
/** of a stored chat: more than any prompt holds */
const contextMessages = 40;
/** between two messages of the playground, and after the last one of a stored chat: a usual time, the same each time */
const stepMs = 20_000;
/** no chat of the store has this id */
const noChat = 0;
/** whose part you play where there is no stored chat */
const nobody = -2;

export function playgroundAnswers(parts: ReviewParts): PlaygroundAnswers {
  const { store, playground, redaction } = parts;
  const known = new Map<string, Remembered>();

  const find = (replyId: string): Remembered => {
    const found = known.get(replyId);
    if (found !== undefined) return found;
    throw new UserError('This answer is too long ago, or the program was started anew.', 'Ask again.');
  };
  const contextOf = ({ chatId, turns }: ReplyQuestion): ConversationMessage[] => {
    const stored = chatId === null ? [] : store.messages.recent(chatId, contextMessages);
    const { personaId } = tonightOptions(parts);
    const before = store.messages.toConversation(stored, personaId);
    const other = before.findLast(({ isPersona, isBot }) => !isPersona && !isBot);
    const people = { you: other?.personId ?? nobody, persona: personaId };
    return [...before, ...played(turns, before.at(-1)?.timestampMs ?? 0, people)];
  };

  const judge = (explained: Explained, question: ReplyQuestion, texts: readonly string[]): Candidate[] => {
    const ranked = explained.candidates.filter(({ leftOut }) => leftOut === null);
    const inOrder = dislikedLast(
      ranked.map((candidate) => ({
        ...candidate,
        bubbles: candidate.bubbles.map((text) => ({ text, gap: null, quote: null })),
      })),
      question.disliked,
    );
    const rankOf = (wanted: number | undefined): number => ranked.findIndex(({ seed }) => seed === wanted);
    const holdsUnknown = (wanted: number | undefined): boolean =>
      (ranked[rankOf(wanted)]?.unknownWords.length ?? 0) > 0;
    const refusals = new Map<number, GuardReason>();
    for (const { seed, bubbles } of ranked) {
      const verdict = checkReply(bubbles, {
        chatId: question.chatId ?? noChat,
        personaId: tonightOptions(parts).personaId,
        chatTexts: texts,
        phrases: store.phrases,
        maxChars: explained.personaP99Chars,
        redaction,
      });
      if (!verdict.ok) refusals.set(seed, verdict.reason);
    }
    const chosen = inOrder.find(({ seed }) => !refusals.has(seed))?.seed;
    return explained.candidates.map((candidate): Candidate => {
      const { seed, bubbles, scores, leftOut, unknownWords } = candidate;
      const why = (): string => {
        if (leftOut !== null) return leftOutWords[leftOut];
        const refusal = refusals.get(seed);
        if (refusal !== undefined) return `It would not be sent: ${refusalWords[refusal]}.`;
        if (seed === chosen) return 'Chosen: the best of those that may be sent.';
        if (rankOf(seed) < rankOf(chosen)) return 'You said it was bad, or one like it.';
        if (unknownWords.length > 0 && !holdsUnknown(chosen)) return `Nobody writes “${unknownWords.join('”, “')}”.`;
        return 'Its score is lower.';
      };
      return { seed, bubbles, scores, isChosen: seed === chosen, why: why() };
    });
  };

  const traced = async ({ request, candidates }: Remembered, seed: number): Promise<TokensAnswer> => {
    const candidate = candidates.find((each) => each.seed === seed);
    if (candidate === undefined) throw new UserError('There is no such candidate.', 'Ask again.');
    const { runId, context, sampling } = request;
    return { tokens: await playground.voice.trace({ runId, context, sampling, ids: candidate.ids }) };
  };

  return {
    reply: async (question) => {
      const { run: runId, seed, sampling, turns } = question;
      const context = contextOf(question);
      const request: ExplainRequest = { runId, context, seed, sampling };
      const explained = await playground.voice.explain(request);
      const entry: Remembered = { request, said: lastSaid(turns), candidates: explained.candidates };
      const candidates = judge(
        explained,
        question,
        context.map(({ text }) => text),
      );
      const chosen = candidates.find(({ isChosen }) => isChosen);
      const { tokens } = chosen === undefined ? { tokens: [] } : await traced(entry, chosen.seed);
      const replyId = randomUUID();
      known.set(replyId, entry);
      for (const old of [...known.keys()].slice(0, -remembered)) known.delete(old);
      return { replyId, candidates, tokens, said: describe(explained) };
    },
    tokens: (replyId, seed) => traced(find(replyId), seed),
    exchange: (replyId) => find(replyId),
  };
}

/** Lines of the playground as messages of a chat: yours in the part of the other side, the persona's as the bot sends them. */
function played(
  turns: ReplyQuestion['turns'],
  afterMs: number,
  people: Record<ReplyQuestion['turns'][number]['who'], number>,
): ConversationMessage[] {
  return turns.map(({ who, text }, at) => ({
    rowId: -1 - at,
    personId: people[who],
    isPersona: false,
    isBot: who === 'persona',
    timestampMs: afterMs + (at + 1) * stepMs,
    minutePrecision: false,
    text,
    media: null,
    quotedRowId: null,
  }));
}

/** Your lines since the persona spoke last. */
function lastSaid(turns: ReplyQuestion['turns']): string[] {
  const from = turns.findLastIndex(({ who }) => who === 'persona') + 1;
  return turns.slice(from).map(({ text }) => text);
}

function describe({ backend, candidates, promptTokens, latencyMs }: Explained): string {
  const drawn = `${candidates.length} ${candidates.length === 1 ? 'candidate' : 'candidates'}`;
  return `${drawn} in ${latencyMs} ms on ${backend}; ${promptTokens} tokens were read.`;
}

const leftOutWords = {
  empty: 'It says nothing.',
  'repeats itself': 'It repeats itself.',
  'the same again': 'Another candidate says the same.',
} as const;

const refusalWords: Readonly<Record<GuardReason, string>> = {
  empty: 'there is nothing to see in it',
  command: 'it looks like a command',
  'too long': 'it is longer than the persona writes',
  link: 'it holds a link',
  'contact detail': 'it holds a number or an address that nobody wrote here',
  'copied phrase': 'six words of it stand in somebody else’s chat',
  'copied message': 'somebody wrote exactly this in another chat',
};
