/** Which file of an archive or a folder is the chat. Names in, one name out; nothing is opened. */
import { UserError } from '../util/errors.ts';

const itsOwnFile = "Import the chat's own file, or share the chat again from WhatsApp and import that .zip.";
/** Android names the chat's file in the phone's language; these are WhatsApp's name in it. */
const whatsAppNames = /whatsapp|واتساب|واتس ?آب|וואטסאפ|व्हाट्सऐप|व्हाट्सएप/;
/** What to do with an export of Telegram that is a web page. */
export const exportAsJson =
  'In Telegram Desktop choose "Export chat history" again, with the format "Machine-readable JSON", and import result.json.';

/**
 * The index of the chat: `_chat.txt` (iOS), `result.json` (Telegram Desktop), or the one .txt that is not itself an
 * attachment (Android).
 * @param names file names, with or without folders before them
 * @param where what errors call the place, as `chat.zip: the .zip`
 * @throws UserError where there is none, or more than one
 */
export function pickChat(names: readonly string[], where: string): number {
  const bases = names.map((name) => baseName(name).toLowerCase());
  const indices = (test: (base: string) => boolean): number[] => bases.flatMap((base, at) => (test(base) ? [at] : []));
  const texts = indices((base) => base.endsWith('.txt') && !/^(?:\d{8}-|doc-\d{8}-wa)/.test(base));
  const candidates = [
    indices((base) => base === '_chat.txt'),
    indices((base) => base === 'result.json'),
    texts.filter((at) => whatsAppNames.test(bases[at] ?? '')),
    texts,
  ].find((found) => found.length > 0);
  const [chat] = candidates ?? [];
  if (candidates === undefined || chat === undefined) {
    const isWebPage = bases.some((base) => /^messages\d*\.html$/.test(base));
    throw new UserError(
      `${where} holds ${isWebPage ? 'a chat as web pages only' : 'no chat (_chat.txt, another .txt, or result.json)'}`,
      isWebPage ? exportAsJson : itsOwnFile,
    );
  }
  if (candidates.length > 1)
    throw new UserError(`${where} holds ${candidates.length} texts that may be the chat`, itsOwnFile);
  return chat;
}

/** The part of a path after its last slash. */
export function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
