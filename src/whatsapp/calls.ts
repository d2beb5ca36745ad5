/**
 * What is asked of WhatsApp Web while a session is ready. Each call has a limit and is made once: a send whose outcome is
 * unknown is the caller's to look up, never ours to repeat.
 */
import wweb from 'whatsapp-web.js'; // the default import, see library.ts
import type { InboundMessage } from '../types.ts';
import { within } from './async.ts';
import { errorLine, SendTimeout } from './errors.ts';
import { toInbound, type RawMessage } from './inbound.ts';
import { hasChat, logOut, readPageState, showTyping } from './page.ts';
import type { Session } from './session.ts';
import { keyText } from './shim.ts';

/** how many messages the catch-up asks for at first, and at most */
const firstLimit = 50;
const lastLimit = 1600;

export interface OutgoingFile {
  name: string;
  mimeType: string;
  content: Buffer;
}

/**
 * @returns the id of the sent message
 * @throws SendTimeout where the message may have left; any other Error where it did not
 */
export async function sendText(session: Session, chatId: string, text: string, quotedId?: string): Promise<string> {
  return deliver(session, chatId, text, {
    ...(quotedId === undefined ? {} : { quotedMessageId: quotedId }),
    linkPreview: false,
    parseVCards: false, // a text stays a text
  });
}

/** Send a file as a document, with a text under it. As `sendText`. */
export async function sendFile(session: Session, chatId: string, file: OutgoingFile, caption: string): Promise<string> {
  const media = new wweb.MessageMedia(file.mimeType, file.content.toString('base64'), file.name, file.content.length);
  return deliver(session, chatId, media, { caption, sendMediaAsDocument: true });
}

async function deliver(
  session: Session,
  chatId: string,
  content: string | wweb.MessageMedia,
  options: wweb.MessageSendOptions,
): Promise<string> {
  const { sendMs } = session.timeouts;
  const isThere = await session.ask(() => session.client.pupPage?.evaluate(hasChat, chatId));
  if (isThere !== true) throw new Error('WhatsApp does not know this chat');
  const work = session.client.sendMessage(chatId, content, {
    ...options,
    waitUntilMsgSent: true, // or it resolves while the network is down
    sendSeen: false, // breaks sending at times (issue #5718)
  });
  let message;
  try {
    message = await within(work, sendMs, () => new Error(`no receipt within ${sendMs} ms`));
  } catch (error) {
    throw new SendTimeout(errorLine(error)); // no cause: it may name people
  }
  // without a message the library lost track of it, which says nothing about whether it left
  if (message === undefined) throw new SendTimeout('whatsapp-web.js returned no message');
  if (Number(message.ack) < 0) throw new Error('WhatsApp refused the message');
  return keyText(message.id);
}

export async function setTyping(session: Session, chatId: string, typing: boolean): Promise<void> {
  await session.ask(() => session.client.pupPage?.evaluate(showTyping, chatId, typing));
}

/** Messages of a chat from `sinceMs` on, oldest first; of very many, the newest `lastLimit`. */
export async function fetchSince(session: Session, chatId: string, sinceMs: number): Promise<InboundMessage[]> {
  const chat = await session.ask(() => session.client.getChatById(chatId));
  let found: InboundMessage[] = [];
  for (let limit = firstLimit; limit <= lastLimit; limit *= 2) {
    const messages = (await session.ask(() => chat?.fetchMessages({ limit }))) ?? [];
    found = messages.map((message) => toInbound(message.rawData as RawMessage, session.own, true));
    found.sort((a, b) => a.timestampMs - b.timestampMs);
    const isReached = (found[0]?.timestampMs ?? 0) < sinceMs;
    if (found.length < limit || isReached) break;
  }
  return found.filter((message) => message.timestampMs >= sinceMs);
}

/** Every id WhatsApp has for a person. */
export async function lookUpIds(session: Session, id: string): Promise<string[]> {
  const pairs = await session.ask(() => session.client.getContactLidAndPhone([id]));
  // the types promise strings; an id that WhatsApp does not know is undefined
  const ids: (string | undefined)[] = (pairs ?? []).flatMap(({ pn, lid }) => [pn, lid]);
  return ids.filter((found) => found !== undefined);
}

/** Take this device off the account; the session ends as logged out. @throws Error where WhatsApp does not answer */
export async function unlink(session: Session): Promise<void> {
  await session.ask(() => session.client.pupPage?.evaluate(logOut));
}

/** @throws Error where no page answers in time, or where WhatsApp's code does not run in it (not loaded yet, or gone) */
export async function probePage(session: Session): Promise<void> {
  const { probeMs } = session.timeouts;
  const asked = session.client.pupPage?.evaluate(readPageState);
  if (asked === undefined) throw new Error('no page yet');
  asked.catch(() => undefined); // may fail long after nobody waits for it
  const state = await within(asked, probeMs, () => new Error(`no answer of the page within ${probeMs} ms`));
  if (state.socket === '') throw new Error('WhatsApp does not run in the page');
}
