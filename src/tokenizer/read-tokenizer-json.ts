/**
 * A Hugging Face tokenizer.json -> BpeModel: byte-level BPE as Llama 3, SmolLM2, Qwen 2 and this program have it.
 * Everything that would change ids is either followed or refused by the name of its key; SentencePiece-style files
 * (Llama 2, Mistral 7B, Gemma) are among the refused. Flags of special tokens make no difference, since no text becomes one.
 */
import { z } from 'zod';
import { UserError } from '../util/errors.ts';
import { byteCount, type BpeModel, type LiteralToken, type Merge } from './bpe-model.ts';
import { charOfByte, unspell } from './byte-alphabet.ts';
import { fromOniguruma, literalPattern, PatternError } from './oniguruma.ts';
import { gptCuts, type Cut } from './pre-tokenizer.ts';

const hint = 'Use a tokenizer.json of this program, or of a byte-level base such as Llama 3, SmolLM2 or Qwen 2.';
/** Larger than any real vocabulary; an id beyond it would only fill memory. */
const maxVocab = 2 ** 21;

const off = z.union([z.null(), z.literal(''), z.literal(false), z.literal(0)]).optional();
const byteLevel = z.object({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.literal(false),
  use_regex: z.boolean().optional(),
});
const split = z.object({
  type: z.literal('Split'),
  pattern: z.union([z.object({ Regex: z.string() }), z.object({ String: z.string() })]),
  behavior: z.enum(['Isolated', 'Removed']),
  invert: z.boolean(),
});
const digits = z.object({ type: z.literal('Digits'), individual_digits: z.boolean() });
const step = z.discriminatedUnion('type', [byteLevel, split, digits]);
const token = z.object({
  id: z.number().int().nonnegative().max(maxVocab),
  content: z.string().min(1),
  special: z.boolean(),
  normalized: z.boolean().optional(),
  single_word: z.boolean().optional(),
  lstrip: z.boolean().optional(),
  rstrip: z.boolean().optional(),
});
type AddedToken = z.infer<typeof token>;

const nfc = z.object({ type: z.literal('NFC') });

const schema = z.object({
  added_tokens: z.array(token),
  normalizer: z.union([z.null(), nfc, z.object({ type: z.literal('Sequence'), normalizers: z.array(nfc) })]).optional(),
  pre_tokenizer: z.discriminatedUnion('type', [
    ...step.options,
    z.object({ type: z.literal('Sequence'), pretokenizers: z.array(step) }),
  ]),
  decoder: z.object({ type: z.literal('ByteLevel') }),
  model: z.object({
    type: z.literal('BPE'),
    dropout: off,
    continuing_subword_prefix: off,
    end_of_word_suffix: off,
    byte_fallback: off,
    ignore_merges: z.boolean().nullable().optional(),
    vocab: z.custom<Record<string, unknown>>((value) => typeof value === 'object' && value !== null),
    merges: z.custom<readonly unknown[]>(Array.isArray),
  }),
});
type TokenizerFile = z.infer<typeof schema>;

const template = z.object({
  type: z.literal('TemplateProcessing'),
  single: z.array(z.record(z.string(), z.object({ id: z.string() }))),
  special_tokens: z.record(z.string(), z.object({ ids: z.array(z.number().int()) })),
});

/** @throws UserError that names the key which is missing, or different from what is read here */
export function readTokenizerJson(json: string): BpeModel {
  const value = parse(json);
  refuseSentencePiece(value);
  const result = schema.safeParse(value);
  if (!result.success) {
    const field = result.error.issues[0]?.path.map(String).join('.') ?? '';
    refuse(field === '' ? 'the file' : field, 'is missing or not what this program reads of a byte-level BPE');
  }
  const file = result.data;
  const idOf = readVocabulary(file);
  const tokens = readTokens(file, idOf);
  return {
    tokens,
    byteIds: readBytes(idOf),
    specials: new Map(file.added_tokens.filter(({ special }) => special).map(({ content, id }) => [content, id])),
    literals: file.added_tokens.flatMap((added, at) => (added.special ? [] : [readLiteral(added, at)])),
    merges: readMerges(file, idOf, tokens),
    cuts: readCuts(file),
    normalizer: readNormalizer(file),
    ignoreMerges: file.model.ignore_merges ?? false,
    bosId: readBosId(value),
  };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    throw new UserError('tokenizer.json is not JSON.', hint); // the parser's message may quote the file: merges hold words
  }
}

/** Say what it is, where it is one of the common kinds that are not read here. */
function refuseSentencePiece(value: unknown): void {
  const model = field(value, 'model');
  const problem = 'which SentencePiece-style tokenizers have; only byte-level BPE is read';
  if (field(model, 'byte_fallback') === true) refuse('model.byte_fallback', `is true, ${problem}`);
  for (const part of ['normalizer', 'pre_tokenizer', 'decoder']) {
    const steps = [field(value, part), ...list(field(field(value, part), `${part.replace('_', '')}s`))];
    for (const type of steps.map((one) => field(one, 'type'))) {
      if (typeof type === 'string' && ['Metaspace', 'Prepend', 'Replace', 'ByteFallback'].includes(type))
        refuse(part, `has a ${type}, ${problem}`);
    }
  }
}

function refuse(key: string, problem: string): never {
  throw new UserError(`tokenizer.json: ${key} ${problem}.`, hint);
}

const field = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

/** Ids by spelling, checked to be ids. */
function readVocabulary({ model }: TokenizerFile): Map<string, number> {
  const idOf = new Map<string, number>();
  const taken = new Set<number>();
  for (const [name, id] of Object.entries(model.vocab)) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > maxVocab) {
      refuse('model.vocab', 'has an id that is not a whole number from 0 up');
    }
    if (taken.has(id)) refuse('model.vocab', `gives id ${id} twice`);
    taken.add(id);
    idOf.set(name, id);
  }
  return idOf;
}

/** Bytes of every id: as the vocabulary spells them, UTF-8 of tokens found in text, none for special tokens. */
function readTokens({ added_tokens: added }: TokenizerFile, idOf: ReadonlyMap<string, number>): Uint8Array[] {
  const addedNames = new Set(added.map(({ content }) => content));
  const tokens: Uint8Array[] = [];
  const put = (id: number, bytes: Uint8Array): void => {
    while (tokens.length <= id) tokens.push(new Uint8Array(0));
    tokens[id] = bytes;
  };
  for (const [name, id] of idOf) {
    if (addedNames.has(name)) continue;
    put(id, unspell(name) ?? refuse('model.vocab', `spells id ${id} with characters that stand for no byte`));
  }
  added.forEach(({ content, id, special }, at) => {
    const inVocabulary = idOf.get(content);
    const isFree = tokens[id] === undefined || tokens[id].length === 0;
    if (inVocabulary === undefined ? !isFree : inVocabulary !== id) {
      refuse(`added_tokens[${at}]`, `has id ${id}, which model.vocab gives to another token`);
    }
    put(id, special ? new Uint8Array(0) : new TextEncoder().encode(content));
  });
  return tokens;
}

/** Ids of the 256 bytes. Those that no UTF-8 holds may be missing. */
function readBytes(idOf: ReadonlyMap<string, number>): Int32Array {
  return Int32Array.from({ length: byteCount }, (_, byte) => {
    const id = idOf.get(charOfByte[byte]!);
    const isInUtf8 = byte !== 0xc0 && byte !== 0xc1 && byte < 0xf5;
    if (id === undefined && isInUtf8) refuse('model.vocab', `has no token for byte ${byte}`);
    return id ?? -1;
  });
}

function readMerges(
  { model }: TokenizerFile,
  idOf: ReadonlyMap<string, number>,
  tokens: readonly Uint8Array[],
): Merge[] {
  return model.merges.map((entry, rank) => {
    const [left, right] = pairOf(entry);
    const [leftId, rightId, joined] = [idOf.get(left), idOf.get(right), idOf.get(left + right)];
    const isText = (id: number | undefined): id is number => id !== undefined && (tokens[id]?.length ?? 0) > 0;
    if (!isText(leftId) || !isText(rightId) || !isText(joined)) {
      refuse(`model.merges[${rank}]`, 'does not join two tokens of the vocabulary into a third');
    }
    return [leftId, rightId, joined];
  });
}

const noPair = ['', ''] as const;

/** The two spellings of a merge, `"a b"` or `["a", "b"]`. */
function pairOf(entry: unknown): readonly [left: string, right: string] {
  if (typeof entry === 'string') {
    const at = entry.indexOf(' ');
    return at === -1 || entry.includes(' ', at + 1) ? noPair : [entry.slice(0, at), entry.slice(at + 1)];
  }
  const [left, right, ...rest] = list(entry);
  return typeof left === 'string' && typeof right === 'string' && rest.length === 0 ? [left, right] : noPair;
}

/** A token that is found in text. Flags under which it would swallow its neighbours are refused: text must come back. */
function readLiteral({ id, content, normalized, single_word, lstrip, rstrip }: AddedToken, at: number): LiteralToken {
  for (const [flag, isSet] of Object.entries({ single_word, lstrip, rstrip })) {
    if (isSet === true) refuse(`added_tokens[${at}].${flag}`, 'is true for a token that is not special');
  }
  return { id, content, normalized: normalized ?? true };
}

function readNormalizer({ normalizer }: TokenizerFile): 'NFC' | null {
  if (!normalizer) return null;
  return normalizer.type === 'NFC' || normalizer.normalizers.length > 0 ? 'NFC' : null;
}

/** The pre-tokenizer as cuts. `ByteLevel` comes last, since it ends the text and begins the bytes. */
function readCuts({ pre_tokenizer: pre }: TokenizerFile): readonly Cut[] {
  const steps = pre.type === 'Sequence' ? pre.pretokenizers : [pre];
  const path = (at: number): string =>
    pre.type === 'Sequence' ? `pre_tokenizer.pretokenizers[${at}]` : 'pre_tokenizer';
  const bytesAt = steps.findIndex(({ type }) => type === 'ByteLevel');
  if (bytesAt === -1 || bytesAt !== steps.length - 1) refuse('pre_tokenizer', 'does not end in its one ByteLevel');
  if (steps.length === 1 && steps[0]?.type === 'ByteLevel' && steps[0].use_regex !== false) return gptCuts;
  return steps.flatMap((one, at): readonly Cut[] => {
    if (one.type === 'ByteLevel') return one.use_regex === false ? [] : gptCuts;
    if (one.type === 'Digits') return [{ pattern: one.individual_digits ? '\\p{N}' : '\\p{N}+', keepRest: true }];
    if (one.behavior === 'Removed' && !one.invert) refuse(`${path(at)}.behavior`, 'drops what it matches');
    return [{ pattern: readPattern(one.pattern, `${path(at)}.pattern`), keepRest: one.behavior === 'Isolated' }];
  });
}

function readPattern(pattern: z.infer<typeof split>['pattern'], path: string): string {
  if ('String' in pattern) return literalPattern(pattern.String);
  try {
    return fromOniguruma(pattern.Regex);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    return refuse(`${path}.Regex`, `${error.message}, which is not read here`);
  }
}

/** The special token that a TemplateProcessing puts first, if there is one. */
function readBosId(value: unknown): number | null {
  const processor = field(value, 'post_processor');
  for (const one of [processor, ...list(field(processor, 'processors'))]) {
    const result = template.safeParse(one);
    if (!result.success) continue;
    const name = result.data.single[0]?.['SpecialToken']?.id;
    return (name === undefined ? undefined : result.data.special_tokens[name]?.ids[0]) ?? null;
  }
  return null;
}
