/**
 * Tokenizers in Node as contenders of bench/tokenizer: `ours`, or `npm` for @huggingface/tokenizers. Run by child.ts with the
 * contender's name as argument.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as peerLibrary from '@huggingface/tokenizers';
import { spell } from '../../src/tokenizer/byte-alphabet.ts';
import { createTokenizer, trainBpe } from '../../src/tokenizer/bpe.ts';
import { readTokenizerJson } from '../../src/tokenizer/read-tokenizer-json.ts';
import { toTokenizerJson } from '../../src/tokenizer/tokenizer-json.ts';
import { projectRoot } from '../../src/util/dist.ts';
import { serve } from './serve.ts';

/** Clock and texts between batches cost nothing against this many texts. */
const batch = 256;
const contender = process.argv[2];

/** Its own declarations name files without their endings, which TypeScript does not follow from an ES module. */
interface Peer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[] };
}
const { Tokenizer } = peerLibrary as unknown as { Tokenizer: new (file: object, config: object) => Peer };

let texts: string[] = [];
let sizes: number[] = [];
let at = 0;
let encodeOne: (text: string) => number[] = () => [];

function version(): string {
  const file = contender === 'npm' ? 'node_modules/@huggingface/tokenizers/package.json' : 'package.json';
  return (JSON.parse(readFileSync(join(projectRoot, file), 'utf8')) as { version: string }).version;
}

serve({
  start: ({ texts: file }: { texts: string }) => {
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    texts = lines.map((line) => JSON.parse(line) as string);
    sizes = texts.map((text) => Buffer.byteLength(text));
    return Promise.resolve({ version: version() });
  },
  train: ({ vocabSize, specials }: { vocabSize: number; specials: string[] }) => {
    const begin = performance.now();
    const model = trainBpe(texts, { vocabSize, specials });
    const seconds = (performance.now() - begin) / 1000;
    const names = model.tokens.map(spell);
    const merges = model.merges.map(([left, right]) => `${names[left]} ${names[right]}`);
    return Promise.resolve({ seconds, merges, tokenizerJson: toTokenizerJson(model) });
  },
  load: ({ tokenizer: file }: { tokenizer: string }) => {
    const json = readFileSync(file, 'utf8');
    if (contender === 'npm') {
      const parsed = JSON.parse(json) as { added_tokens: { special: boolean }[] };
      const plain = parsed.added_tokens.filter(({ special }) => !special); // it knows no split_special_tokens
      const peer = new Tokenizer({ ...parsed, added_tokens: plain }, {});
      encodeOne = (text) => peer.encode(text, { add_special_tokens: false }).ids;
    } else {
      const tokenizer = createTokenizer(readTokenizerJson(json));
      encodeOne = (text) => tokenizer.encode(text);
    }
    return Promise.resolve();
  },
  /** Goes on through the texts until `seconds` are over. */
  encode: ({ seconds }: { seconds: number }) => {
    let [bytes, ids] = [0, 0];
    const begin = performance.now();
    while (performance.now() - begin < seconds * 1000) {
      for (const end = Math.min(at + batch, texts.length); at < end; at++) {
        ids += encodeOne(texts[at]!).length;
        bytes += sizes[at]!;
      }
      if (at === texts.length) at = 0;
    }
    const spent = (performance.now() - begin) / 1000;
    return Promise.resolve({ bytesPerSecond: bytes / spent, bytesPerId: bytes / ids });
  },
  /** SHA-256 over the ids of the first `count` texts. */
  check: ({ count }: { count: number }) => {
    const ids = Int32Array.from(texts.slice(0, count).flatMap((text) => encodeOne(text)));
    return Promise.resolve({ ids: ids.length, sha256: createHash('sha256').update(ids).digest('hex') });
  },
  /** One word without end: seconds for `length` letters of the texts. */
  endless: ({ length }: { length: number }) => {
    const letters = texts
      .slice(0, 20_000)
      .join('')
      .replaceAll(/[^a-z]/gu, '');
    const word = letters.repeat(Math.ceil(length / letters.length)).slice(0, length);
    const begin = performance.now();
    encodeOne(word);
    return Promise.resolve({ seconds: (performance.now() - begin) / 1000 });
  },
});
