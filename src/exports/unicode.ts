/** Bytes of a text in the encodings that programs on Windows save -> the same text in UTF-8, in pieces. */
import { TextDecoder } from 'node:util';
import { UserError } from '../util/errors.ts';

/**
 * UTF-16 with its byte order mark becomes UTF-8; anything else passes as it is. `name` is what errors call the file.
 * @throws UserError for UTF-16 with half a character
 */
export function* unicodePieces(pieces: Iterable<Uint8Array>, name: string): Generator<Uint8Array> {
  let decoder: TextDecoder | undefined;
  let isFirst = true;
  for (const piece of pieces) {
    if (isFirst) decoder = decoderFor(piece);
    isFirst = false;
    yield decoder === undefined ? piece : decode(decoder, piece, name);
  }
  if (decoder !== undefined) yield decode(decoder, undefined, name);
}

function decoderFor([a, b]: Uint8Array): TextDecoder | undefined {
  if (a === 0xff && b === 0xfe) return new TextDecoder('utf-16le', { fatal: true });
  if (a === 0xfe && b === 0xff) return new TextDecoder('utf-16be', { fatal: true });
  return undefined;
}

/** The next piece; undefined ends the text. */
function decode(decoder: TextDecoder, piece: Uint8Array | undefined, name: string): Uint8Array {
  try {
    return Buffer.from(decoder.decode(piece, { stream: piece !== undefined }), 'utf8');
  } catch {
    throw new UserError(
      `${name}: the file begins as UTF-16 but holds bytes that are not`,
      'Save it as UTF-8, or import the file as the phone made it.',
    );
  }
}
