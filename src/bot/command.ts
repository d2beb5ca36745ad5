/** What a command is and what its handler works with. Shapes only; the table is commands.ts. */
import type { NoticeKey } from '../consent/notice.ts';
import type { Chat } from '../store/chats.ts';
import type { InboundMessage } from '../types.ts';
import type { Rule } from './authority.ts';
import type { Changes } from './changes.ts';
import type { ConsentFlow } from './consent-flow.ts';
import type { OutgoingFile } from './host.ts';
import type { CommandForm } from './parse.ts';
import type { Recorder } from './record.ts';
import type { ReplyRules } from './reply-rules.ts';
import type { Sentences } from './sentences.ts';
import type { Who } from './who.ts';

export interface CommandContext {
  chat: Chat;
  message: InboundMessage;
  /** see authority.ts */
  isOwner: boolean;
  /** the contact or member who wrote this; undefined where it was typed on the account's own phone */
  author: number | undefined;
  /** what follows the name; '' where the command takes nothing */
  argument: string;
}

export type Answer = string | { text: string; file: OutgoingFile } | undefined;
export type Handler = (context: CommandContext) => Answer | Promise<Answer>;

type HelpKey = Extract<NoticeKey, `help ${string}`>;
export type CommandName = HelpKey extends `help ${infer Name}` ? Name : never;

export interface Command extends Rule, CommandForm {
  name: CommandName;
  /** how it is typed, where the name is not all of it */
  usage?: string;
  /** takes seconds: answered when it is done, while the chat goes on */
  isSlow?: boolean;
  /** What holds before anything is written: on a full disk too. `chat`: where it was typed, if that is known */
  atOnce?: (chat: Chat | undefined) => void;
  run: Handler;
}

export interface CommandParts {
  who: Who;
  consent: ConsentFlow;
  say: Sentences;
  recorder: Pick<Recorder, 'correct' | 'storedSince'>;
  changes: Pick<Changes, 'drop'>;
  rules: Pick<ReplyRules, 'maySpeakHere' | 'silence'>;
  replies: {
    /** Stop what is under way or waiting in this chat. */
    cancel: (chatId: number) => void;
    /** Answer the newest message of the other side anew; false: none is stored. */
    again: (chatId: number, asked: InboundMessage) => boolean;
  };
}
