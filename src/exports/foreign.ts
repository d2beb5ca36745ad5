/** Files that are no exported chat but are often taken for one: told by their first bytes, refused with the way out. */
import { UserError } from '../util/errors.ts';
import { exportAsJson } from './pick-chat.ts';

interface Foreign {
  /** over the first bytes as Latin-1, without a byte order mark */
  is: (start: string) => boolean;
  what: string;
  remedy: string;
}

const asText = 'Export the chat in WhatsApp without media and import the .txt or .zip that it makes.';

const foreign: readonly Foreign[] = [
  { is: (start) => /^\s*<(?:!doctype|html)/i.test(start), what: 'a web page', remedy: exportAsJson },
  { is: isMail, what: 'an e-mail', remedy: 'Save the attachment of the mail and import that.' },
  { is: beginsWith('SQLite format 3'), what: 'a database, not an export', remedy: asText },
  {
    is: beginsWith('%PDF', '{\\rtf', '\xd0\xcf\x11\xe0'),
    what: 'a document, not an export',
    remedy: 'Import the file as the phone made it, not a copy from a word processor.',
  },
  {
    is: beginsWith('\x1f\x8b', '7z\xbc\xaf', 'Rar!', '\xfd7zXZ'),
    what: 'packed in another way than .zip',
    remedy: 'Unpack it and import the chat in it.',
  },
  {
    is: beginsWith('\x89PNG', '\xff\xd8\xff', 'GIF8', 'RIFF', 'OggS'),
    what: 'a picture, a sound or a film',
    remedy: asText,
  },
  {
    is: (start) => /^\s*\[\s*[{"\]]/.test(start),
    what: 'a JSON array',
    remedy: 'Write one object a line instead (docs/import.md), as `jq -c ".[]"` does.',
  },
];

/** @throws UserError for a file that is known to be something else. @param head its first bytes, some thousands */
export function refuseForeign(head: Uint8Array, name: string): void {
  const start = Buffer.from(head.subarray(0, 4096))
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '');
  const found = foreign.find(({ is }) => is(start));
  if (found !== undefined) throw new UserError(`${name} is ${found.what}`, found.remedy);
}

function beginsWith(...magics: string[]): Foreign['is'] {
  return (start) => magics.some((magic) => start.startsWith(magic));
}

/** A message as mail programs save it (RFC 5322): header fields from the first line on. */
function isMail(start: string): boolean {
  const headers = start.split(/\r?\n\r?\n/, 1)[0] ?? '';
  return /^(?:From |[\w-]+: )/.test(headers) && /^(?:MIME-Version|Message-ID|Content-Type):/im.test(headers);
}
