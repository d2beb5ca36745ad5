/** Exports read whole, as tests compare them: the messages as a list, and nothing that cannot be compared. */
import type { ChatExport, ExportOptions } from '../../src/exports/chat-export.ts';
import { openExport } from '../../src/exports/read.ts';
import { readWhatsApp } from '../../src/exports/whatsapp.ts';
import type { ExportMessage } from '../../src/types.ts';

export type WholeExport = Omit<ChatExport, 'messages'> & { messages: ExportMessage[] };

const whole = (file: ChatExport): WholeExport => ({ ...file, messages: [...file.messages()] });

export async function readExport(path: string, options?: ExportOptions): Promise<WholeExport> {
  return whole(await openExport(path, options));
}

/** WhatsApp text that is in memory already. `name` is what errors call it. */
export function parseExport(
  text: string | readonly string[],
  options: ExportOptions & { name?: string } = {},
): WholeExport {
  return whole(
    readWhatsApp(
      () => [Buffer.from(typeof text === 'string' ? text : text.join('\n'))],
      options.name ?? 'the export',
      options,
    ),
  );
}
