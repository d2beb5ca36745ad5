/**
 * The bot: WhatsApp's events in, rows and replies out. Wires the parts of this folder together and holds the edge: an
 * event is handled in order with the others of its chat, and whatever goes wrong is logged without text and goes no
 * further. Handed everything it needs (deps.ts), so that it runs the same over a fake phone.
 */
import type { InboundMessage } from '../types.ts';
import { catchUp } from './catch-up.ts';
import type { FetchSince } from './catch-up.ts';
import { createChanges } from './changes.ts';
import { commandTable } from './commands.ts';
import { quizCommands } from './commands-quiz.ts';
import { createConsentFlow } from './consent-flow.ts';
import type { BotDeps } from './deps.ts';
import { describeError } from './errors.ts';
import { createLanes } from './lanes.ts';
import { createObeying } from './obey.ts';
import { createOwnerChat } from './owner-chat.ts';
import { createPipeline } from './pipeline.ts';
import type { Handled, ReactionEvent } from './pipeline.ts';
import { createRecorder } from './record.ts';
import { createReplies } from './reply.ts';
import type { Replies } from './reply.ts';
import { createReplyRules } from './reply-rules.ts';
import { createSeen } from './seen.ts';
import { createSender } from './send.ts';
import { createSentences } from './sentences.ts';
import { createWho } from './who.ts';

export type { BotDeps, BotSettings } from './deps.ts';

export interface Bot {
  /** The account is connected; `aliases` are its own ids. May be called again after each reconnect. */
  onReady: (account: { aliases: string[] }) => void;
  /** Resolves when the event is handled; a reply follows later (`settled`). Never rejects. */
  onMessage: (message: InboundMessage) => Promise<void>;
  onEdit: (chatId: string, messageId: string, text: string, atMs: number) => Promise<void>;
  onRevoke: (chatId: string, messageId: string) => Promise<void>;
  onReaction: (reaction: ReactionEvent) => Promise<void>;
  /** Read what was missed while the program or the phone was away. Call when ready, and again now and then. */
  catchUp: (fetchSince: FetchSince) => Promise<void>;
  /** Say something to the owner, in the owner's own chat and nowhere else. False: there is none yet, or it did not leave. */
  tellOwner: (text: string) => Promise<boolean>;
  /** Resolves when nothing is under way any more: events, sends, and replies with their pauses. */
  settled: () => Promise<void>;
  /** Stop answering, wait for what is being handled or sent. */
  close: () => Promise<void>;
}

export function createBot(deps: BotDeps): Bot {
  const { store, log } = deps;
  const closing = new AbortController();
  const isClosed = (): boolean => closing.signal.aborted;
  const lanes = createLanes<string>();
  /** Since the last sweep the connection was lost, or the program has just started. */
  let hasBeenAway = true;

  /** Who waits for what, to be woken when the bot closes. */
  const waiting = new Map<NodeJS.Timeout, () => void>();
  const wait = (ms: number): Promise<void> => {
    if (deps.wait !== undefined) return deps.wait(ms);
    if (isClosed()) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        waiting.delete(timer);
        resolve();
      }, ms);
      waiting.set(timer, resolve);
    });
  };
  const wakeAll = (): void => {
    for (const [timer, wake] of waiting) {
      clearTimeout(timer);
      wake();
    }
    waiting.clear();
  };

  /** Closing does not wait for the model: what it would say is not sent any more. */
  const speak: BotDeps['speak'] = (request) =>
    new Promise((resolve, reject) => {
      const giveUp = (): void => resolve(undefined);
      closing.signal.addEventListener('abort', giveUp);
      void deps
        .speak(request)
        .then(resolve, reject)
        .finally(() => closing.signal.removeEventListener('abort', giveUp));
    });

  const who = createWho(deps);
  const say = createSentences(deps.settings);
  const sender = createSender(deps);
  const consent = createConsentFlow(deps, say, sender);
  const recorder = createRecorder(deps, who, consent);
  const seen = createSeen(store);
  const changes = createChanges(deps, { who, consent, recorder, seen });
  const rules = createReplyRules(deps, who, consent);
  const replies: Replies = createReplies({ ...deps, speak }, { who, rules, recorder, sender, say, wait, isClosed });
  const quiz = quizCommands(deps, { say });
  const ownerChat = createOwnerChat(deps, who, sender);
  const commands = commandTable(deps, {
    quiz,
    who,
    consent,
    say,
    recorder,
    changes,
    rules,
    replies,
  });
  const obeying = createObeying(deps, { who, consent, seen, replies, sender, say, commands });
  const pipeline = createPipeline(deps, { who, consent, recorder, changes, seen, replies, sender, obeying, quiz });
  const uncertain = store.outbox.recover();
  if (uncertain > 0)
    log.warn({ count: uncertain }, 'sends of an earlier run have an unknown outcome; they are not repeated');

  /** The edge. Nothing passes it but the fact that something failed. */
  const contain = (event: string) => (error: unknown) => {
    log.error({ event, ...describeError(error) }, 'an event could not be handled');
  };
  const handle = async (chatId: string, event: string, work: () => Promise<Handled>): Promise<void> => {
    if (isClosed()) return;
    try {
      const { written } = await lanes.run(chatId, work);
      await written;
    } catch (error) {
      contain(event)(error);
    }
  };
  const onMessage = (message: InboundMessage): Promise<void> => {
    const { chatId } = message;
    const done = isClosed() || !lanes.isFree(chatId) ? undefined : atOnce(message);
    return done?.catch(contain('message')) ?? handle(chatId, 'message', () => pipeline.message(message));
  };
  /** Most messages need no turn in the lane of their chat, if it is free: nothing of them has to be waited for. */
  const atOnce = (message: InboundMessage): Promise<void> | undefined => {
    try {
      return pipeline.atOnce(message)?.written;
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  };

  const settled = async (): Promise<void> => {
    await lanes.idle();
    await pipeline.idle();
    await replies.idle();
    await sender.idle();
  };

  return {
    onReady: ({ aliases }) => {
      hasBeenAway = true;
      try {
        who.setAccount(aliases);
      } catch (error) {
        log.error(describeError(error), 'the account could not be noted');
      }
    },
    onMessage,
    onEdit: (chatId, messageId, text, atMs) =>
      handle(chatId, 'edit', () => pipeline.edit(chatId, messageId, text, atMs)),
    onRevoke: (chatId, messageId) => handle(chatId, 'revoke', () => pipeline.revoke(chatId, messageId)),
    onReaction: (reaction) => handle(reaction.chatId, 'reaction', () => pipeline.reaction(reaction)),
    catchUp: async (fetchSince) => {
      const wasAway = hasBeenAway;
      hasBeenAway = false;
      const isWhole = await catchUp(deps, who, { fetchSince, wasAway }, async (message) => {
        if (isClosed()) throw new Error('the bot is closing');
        return lanes.run(message.chatId, () => pipeline.message(message));
      });
      hasBeenAway ||= wasAway && !isWhole;
    },
    tellOwner: async (text) => !isClosed() && (await ownerChat.tell(text)),
    settled,
    close: async () => {
      closing.abort();
      wakeAll();
      await settled();
    },
  };
}
