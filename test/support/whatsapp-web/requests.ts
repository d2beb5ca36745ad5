/** What the server answers to the requests of a page. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Delivery } from './delivery.ts';
import type { StandInOptions, WireMessage } from './types.ts';
import { exists, history, nowSeconds, type World } from './world.ts';

export interface PageRequest {
  op: string;
  /** the device that asks */
  token: string;
  [field: string]: unknown;
}

/** What the phone would do. */
interface Phone {
  options: StandInOptions;
  account: { pn: string };
  react(from: string, parent: string, text: string): void;
  newCode(): string;
}

const codeLetters = '123456789ABCDEFGHJKLMNPQRSTVWXYZ';

/** Eight letters, as WhatsApp's pairing codes are. */
export const randomCode = (): string =>
  Array.from({ length: 8 }, () => codeLetters[randomInt(codeLetters.length)]).join('');

export async function answer(request: PageRequest, world: World, delivery: Delivery, phone: Phone): Promise<unknown> {
  const id = String(request['id']);
  if (phone.options.mute) return new Promise(() => undefined); // for ever
  switch (request.op) {
    case 'send':
      return takeMessage(request['message'] as WireMessage, world, phone.options);
    case 'received':
      delivery.confirm(request.token, request['ids'] as string[]);
      return {};
    case 'getMessages':
      return { messages: (request['ids'] as string[]).flatMap((wanted) => world.messages.get(wanted) ?? []) };
    case 'history':
      return { messages: history(world, String(request['chat']), request['have'] as string[]) };
    case 'groupInfo':
      return { group: world.chats.get(id)?.group };
    case 'exists':
      return { exists: exists(world, id), group: world.chats.get(id)?.group };
    case 'react':
      phone.react(phone.account.pn, String(request['parent']), String(request['text']));
      return {};
    case 'edit':
      Object.assign(world.messages.get(id) ?? {}, { body: request['body'] });
      return {};
    case 'logout':
      delivery.removeDevice(request.token);
      return {};
    case 'pairingCode':
      return phone.options.refuseCodes ? { error: 'rate-overlimit' } : { code: phone.newCode() };
    case 'refreshQR':
      delivery.refreshQr();
      return {};
    default: // presence, seen, chat state, …: only logged
      return {};
  }
}

async function takeMessage(message: WireMessage, world: World, options: StandInOptions): Promise<unknown> {
  if (options.sendDelayMs > 0) await sleep(options.sendDelayMs);
  if (options.failSend !== '') return { error: options.failSend };
  world.messages.set(message.id, message);
  return { t: nowSeconds() };
}
