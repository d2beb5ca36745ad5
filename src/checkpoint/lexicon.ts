/** lexicon.bin of a run: the words that it has read, as 32-bit hashes, little-endian (dataset/lexicon.ts makes them). */
import { CheckpointError } from './error.ts';

export const lexiconName = 'lexicon.bin';

const hashBytes = 4;

export function renderLexicon(lexicon: Uint32Array): Buffer {
  const data = Buffer.alloc(hashBytes * lexicon.length);
  lexicon.forEach((hash, at) => data.writeUInt32LE(hash, hashBytes * at));
  return data;
}

/** @throws CheckpointError unless it is a whole number of hashes, ascending */
export function parseLexicon(data: Buffer, file: string): Uint32Array {
  if (data.length % hashBytes !== 0)
    throw new CheckpointError(file, `${data.length} bytes, no multiple of ${hashBytes}`);
  const lexicon = Uint32Array.from({ length: data.length / hashBytes }, (_, at) => data.readUInt32LE(hashBytes * at));
  if (lexicon.some((hash, at) => at > 0 && hash <= lexicon[at - 1]!)) throw new CheckpointError(file, 'not in order');
  return lexicon;
}
