/** What commands ask of the program around the bot: files, models, and that what was forgotten stops speaking. */

export interface OutgoingFile {
  name: string;
  mimeType: string;
  content: Buffer;
}

export interface KnownModel {
  run: string;
  /** serves now */
  current: boolean;
  bitsPerByte: number | null;
  /** why it cannot serve, or null */
  problem: string | null;
}

/** The models on this machine. A rejection with a UserError is said in the chat. */
export interface ModelKeeper {
  /** newest first */
  list: () => Promise<KnownModel[]>;
  use: (run: string) => Promise<void>;
  /** @returns the run that serves now */
  rollBack: () => Promise<string>;
  /** Begin a training; it goes on by itself. */
  retrain: () => 'started' | 'running';
}

/** A question of the blind quiz with its answer; private text, for the owner's own chat alone (nightly/quiz.ts makes it). */
export interface OpenQuestion {
  run: string;
  messageId: number;
  context: { who: 'persona' | 'other' | 'bot'; text: string }[];
  options: [string[], string[]];
  real: 1 | 2;
}

export interface QuizMaster {
  /** A rejection with a UserError is said in the chat. */
  ask: () => Promise<OpenQuestion>;
  /** An answer was stored: the report card of the run follows. */
  answered: () => Promise<void>;
}

export interface Host {
  /** As `send`, with a file; the caption comes back as the text of its echo. */
  sendFile: (chatId: string, file: OutgoingFile, caption: string) => Promise<string>;
  models: ModelKeeper;
  quiz: QuizMaster;
  /**
   * Erase everything of a person who asked for it: rows, models that saw them, copies, exports. A rejection means that it
   * is not done yet; asked again, it goes on.
   */
  forget: (personId: number) => Promise<void>;
}
