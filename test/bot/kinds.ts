/** Every kind of chat and message, for events made by chance. */
import type { ChatKind, MessageKind } from '../../src/types.ts';

export { messageKinds } from '../../src/types.ts';

const all: Record<ChatKind, true> = {
  direct: true,
  self: true,
  group: true,
  status: true,
  broadcast: true,
  newsletter: true,
};
export const chatKinds = Object.keys(all) as ChatKind[];
export type { MessageKind };
