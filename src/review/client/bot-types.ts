/** What the bot's endpoints answer with. Types alone: the server (pages/bot*.ts) and the page share them. */

export interface LinkView {
  /** `ready`, `pairing`, ...; null: nobody on this side knows */
  state: string | null;
  /** what that means and what to do, in a sentence */
  said: string;
  tone: 'ok' | 'wait' | 'no';
  /** a QR code to fetch, another number for each; null: none */
  qr: number | null;
  /** `ABCD-EFGH`; null: none */
  code: string | null;
}

export interface BotPageState {
  /** another value whenever the page would show something else */
  state: string;
}

/** `22:00-08:00`, none at all, or what is said of more than this chat. */
export type QuietChoice = 'none' | 'default' | (string & {});

export interface Why {
  /** messages of the chat that the model saw */
  seen: number;
  /** run, seed and settings, as a sentence */
  made: string;
  near: { text: string; chatId: number; messageId: number; percent: number }[];
}
