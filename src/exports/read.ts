/**
 * What a person exported, a file or a folder -> the reader for it, by its bytes and not its name. Nothing is half read:
 * what cannot be read for sure ends in a `UserError` with file, line, reason and remedy, which holds no text of the chat.
 */
import { readdirSync, statSync } from 'node:fs';
import type { Dirent, Stats } from 'node:fs';
import { join } from 'node:path';
import { errorCode, UserError } from '../util/errors.ts';
import type { ChatExport, ExportOptions } from './chat-export.ts';
import { refuseForeign } from './foreign.ts';
import { readJsonl } from './jsonl.ts';
import { pickChat } from './pick-chat.ts';
import { readTelegram } from './telegram.ts';
import { unicodePieces } from './unicode.ts';
import { readWhatsApp } from './whatsapp.ts';
import { linesOfBytes, piecesOfFile } from './whatsapp/lines.ts';
import { readChatFromZip } from './zip.ts';

/** Files are read in pieces, so this guards time and disk, not memory: it is some ten million messages. */
export const largestFileBytes = 2 * 1024 ** 3;
/** What of a file decides who reads it. */
const headBytes = 64 * 1024;
/** Files of a folder beyond which counting them stops. */
const mostFiles = 100_000;

/**
 * Open an export: WhatsApp's .txt or .zip, Telegram's result.json, JSONL, or the folder that one of them was unpacked to.
 * @throws UserError naming file, line and remedy, for anything that is not one readable export
 */
export async function openExport(path: string, options: ExportOptions = {}): Promise<ChatExport> {
  if (statsOf(path).isDirectory()) {
    const { chat, mediaFiles } = chatOfFolder(path);
    return { ...(await openFile(chat, options)), mediaFiles };
  }
  return openFile(path, options);
}

async function openFile(path: string, options: ExportOptions): Promise<ChatExport> {
  const stats = statsOf(path);
  if (!stats.isFile())
    throw new UserError(`${path} is not a file`, 'Give the file that WhatsApp or Telegram exported.');
  const head = readable(path, () => headOf(piecesOfFile(path)));
  if (isZip(head)) {
    const { pieces, mediaFiles } = await readChatFromZip(path);
    return { ...readPieces(() => pieces, path, options), mediaFiles };
  }
  if (stats.size > largestFileBytes) {
    throw new UserError(
      `${path}: larger than ${largestFileBytes} bytes`,
      'Export the chat without media, or in parts.',
    );
  }
  return readPieces(() => piecesOfFile(path, stats), path, options);
}

/** The reader that the first bytes ask for. `pieces` begins anew on every call. */
function readPieces(pieces: () => Iterable<Uint8Array>, name: string, options: ExportOptions): ChatExport {
  const unicode = (): Iterable<Uint8Array> => unicodePieces(pieces(), name);
  const head = headOf(unicode());
  refuseForeign(head, name);
  const kind = jsonKind(head.toString('utf8'));
  if (kind === 'document') return readTelegram(unicode, name);
  if (kind === 'lines') return readJsonl(() => linesOfBytes(unicode(), name), name);
  return readWhatsApp(unicode, name, options);
}

/** One JSON document, one a line, or neither. */
function jsonKind(head: string): 'document' | 'lines' | undefined {
  const text = head.replace(/^\uFEFF/, '').trimStart();
  if (!text.startsWith('{')) return undefined;
  const first = (text.split('\n', 1)[0] ?? '').trimEnd();
  const goesOn = /[{[,]$/.test(first) && !first.endsWith('},');
  // a document in one line; in a text its quotes would be escaped
  const isTelegram = /(?<!\\)"(?:messages"\s*:\s*\[|(?:left_)?chats"\s*:\s*\{)/.test(first);
  return goesOn || isTelegram ? 'document' : 'lines';
}

function isZip(head: Uint8Array): boolean {
  const [p, k, a = 0, b = 0] = head;
  return p === 0x50 && k === 0x4b && b === a + 1 && (a === 3 || a === 5 || a === 7);
}

/** The chat among the files of a folder, and how many files lie beside it, in folders below too. Links are not followed. */
function chatOfFolder(path: string): { chat: string; mediaFiles: number } {
  const names = entriesOf(path).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
  const chat = join(path, names[pickChat(names, `${path}: the folder`)] ?? '');
  let files = 0;
  const folders = [path];
  for (let folder = folders.pop(); folder !== undefined && files < mostFiles; folder = folders.pop()) {
    for (const entry of entriesOf(folder)) {
      if (entry.isFile()) files++;
      else if (entry.isDirectory()) folders.push(join(folder, entry.name));
    }
  }
  return { chat, mediaFiles: files - 1 };
}

function entriesOf(folder: string): Dirent[] {
  const entries = readable(folder, () => readdirSync(folder, { withFileTypes: true }));
  return entries.filter(({ name }) => !name.startsWith('.'));
}

function headOf(pieces: Iterable<Uint8Array>): Buffer {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const piece of pieces) {
    parts.push(piece);
    length += piece.length;
    if (length >= headBytes) break;
  }
  return Buffer.concat(parts).subarray(0, headBytes);
}

function statsOf(path: string): Stats {
  return readable(path, () => statSync(path));
}

/** What `read` gives; its errors in words. */
function readable<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') throw new UserError(`${path} does not exist`, 'Check the path of the exported chat.');
    throw new UserError(`${path} cannot be read (${code ?? 'unknown error'})`, 'Check that you may read the file.', {
      cause: error,
    });
  }
}
