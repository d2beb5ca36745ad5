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

export interface Host {
  /** As `send`, with a file; the caption comes back as the text of its echo. */
  sendFile: (chatId: string, file: OutgoingFile, caption: string) => Promise<string>;
  models: ModelKeeper;
  /** These rows were forgotten: no model that saw one of them may go on speaking. */
  onForgotten: (rowIds: readonly number[]) => void;
}
