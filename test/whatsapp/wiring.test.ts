/** One message, two events of the library: passed on once where both bring it at once, and whichever comes alone is passed on. */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type wweb from 'whatsapp-web.js';
import type { InboundMessage } from '../../src/types.ts';
import { silentLog } from '../../src/util/log.ts';
import { wireChatEvents } from '../../src/whatsapp/wiring.ts';

const chatId = '491700000002@c.us';
const message = (id: string) => ({
  rawData: { id: { fromMe: false, remote: chatId, id }, type: 'chat', t: 1, body: id },
});

test.each([
  [
    'both events with one object',
    (library: EventEmitter) => {
      const same = message('3A');
      library.emit('message_create', same);
      library.emit('message', same);
    },
    1,
  ],
  ['message_create alone', (library: EventEmitter) => library.emit('message_create', message('3A')), 1],
  ['message alone', (library: EventEmitter) => library.emit('message', message('3A')), 1],
  [
    'the same message once more',
    (library: EventEmitter) => {
      library.emit('message_create', message('3A'));
      library.emit('message', message('3A'));
    },
    2,
  ],
])('%s', (_what, emit, times) => {
  const library = new EventEmitter();
  const seen: InboundMessage[] = [];
  const never = () => undefined;
  wireChatEvents(library as unknown as wweb.Client, {
    events: { onMessage: (each) => void seen.push(each), onEdit: never, onRevoke: never, onReaction: never },
    log: silentLog,
    own: () => ['491700000001@c.us'],
    learn: never,
    whenReady: (work) => work(),
  });
  emit(library);
  expect(seen.map(({ id }) => id)).toEqual(Array(times).fill(`false_${chatId}_3A`));
});
