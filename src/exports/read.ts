/**
 * A file that a person exported -> the reader for it, by the file's bytes and not its name.
 * Nothing is half read: what cannot be read for sure ends in a `UserError` with file, line, reason and remedy, which
 * holds no text of the chat.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { errorCode, UserError } from '../util/errors.ts';
import type { ChatExport, ExportOptions } from './chat-export.ts';
import { readWhatsApp } from './whatsapp.ts';
import { linesOfBytes, piecesOfFile } from './whatsapp/lines.ts';
import { readChatFromZip, zipLimits } from './whatsapp/zip.ts';

/**
 * Open a .txt or .zip export.
 * @throws UserError naming file, line and remedy, for anything that is not one readable export
 */
export async function openExport(path: string, options: ExportOptions = {}): Promise<ChatExport> {
  if (isZip(path)) {
    const { pieces, mediaFiles } = await readChatFromZip(path);
    return { ...readWhatsApp(() => linesOfBytes(pieces, path), path, options), mediaFiles };
  }
  return readWhatsApp(() => linesOfBytes(piecesOfFile(path), path), path, options);
}

/** True for a zip archive; throws for what is not a readable file of a size an export can have. */
function isZip(path: string): boolean {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw new UserError(`${path} is not a file`, 'Give the .txt or .zip that WhatsApp exported.');
    const fd = openSync(path, 'r');
    try {
      const start = Buffer.alloc(4);
      readSync(fd, start);
      const zip =
        start[0] === 0x50 &&
        start[1] === 0x4b &&
        ((start[2] === 3 && start[3] === 4) || (start[2] === 5 && start[3] === 6));
      if (!zip && stats.size > zipLimits.maxBytes) {
        throw new UserError(
          `${path}: larger than ${zipLimits.maxBytes} bytes`,
          'Export the chat without media and import the .txt.',
        );
      }
      return zip;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = errorCode(error);
    if (code === 'ENOENT') throw new UserError(`${path} does not exist`, 'Check the path of the exported chat.');
    throw new UserError(
      `${basename(path)} cannot be read (${code ?? 'unknown error'})`,
      'Check that you may read the file.',
      { cause: error },
    );
  }
}
