/**
 * The tokenizer as Hugging Face files: tokenizer.json (BPE over the byte-to-unicode alphabet, `ByteLevel`) out and in,
 * and tokenizer_config.json with a chat template. So transformers, vLLM and llama.cpp give the same ids.
 * Reading accepts exactly this layout (the chat format's 64 specials, the 256 bytes in order, the merges in order) and
 * names the field that differs; tokenizers of other layouts are not covered.
 * One difference in use: those programs turn a typed `<|end|>` into the special id unless told `split_special_tokens`.
 */
import { z } from 'zod';
import { UserError } from '../util/errors.ts';
import { specialTokens } from './chat-format.ts';
import { tokenBytes, type BpeModel } from './bpe.ts';

const byteCount = 256;
const hint = 'Use the tokenizer.json that came with the model folder.';

/** GPT-2's printable stand-ins: bytes that print stand for themselves, the others for U+0100 and up, in order. */
const charOfByte: readonly string[] = (() => {
  const prints = (byte: number): boolean =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  let hidden = 0;
  return Array.from({ length: byteCount }, (_, byte) =>
    String.fromCodePoint(prints(byte) ? byte : byteCount + hidden++),
  );
})();

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true } as const;

/** tokenizer.json of a model. Merges are written as `"a b"`, which old readers know too. */
export function toTokenizerJson(model: BpeModel): string {
  const names = idNames(model);
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: model.specials.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(names.map((name, id) => [name, id])),
      merges: model.merges.map(([left, right]) => `${names[left]!} ${names[right]!}`),
    },
  };
  return `${JSON.stringify(json, null, 1)}\n`;
}

/** Every id as tokenizer.json spells it. */
function idNames(model: BpeModel): string[] {
  return tokenBytes(model).map(
    (bytes, id) => model.specials[id] ?? Array.from(bytes, (byte) => charOfByte[byte]).join(''),
  );
}

// === Reading

const byteLevelSchema = z.object({ type: z.literal('ByteLevel') });
const off = z.union([z.null(), z.literal(''), z.literal(false), z.literal(0)]).optional();

const schema = z.object({
  added_tokens: z.array(z.object({ id: z.number().int(), content: z.string(), special: z.literal(true) })),
  normalizer: z.null().optional(),
  pre_tokenizer: byteLevelSchema.extend({ add_prefix_space: z.literal(false), use_regex: z.literal(true).optional() }),
  decoder: byteLevelSchema,
  model: z.object({
    type: z.literal('BPE'),
    dropout: off,
    unk_token: off,
    continuing_subword_prefix: off,
    end_of_word_suffix: off,
    byte_fallback: off,
    ignore_merges: off,
    vocab: z.record(z.string(), z.number().int().nonnegative()),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  }),
});

/** Read a tokenizer.json of this layout. Throws a UserError that names the field which is missing or different. */
export function fromTokenizerJson(json: string): BpeModel {
  const { added_tokens: added, model } = parse(json);
  if (added.length !== specialTokens.length) {
    refuse('added_tokens', `has ${added.length} entries, chat format v1 has ${specialTokens.length}`);
  }
  specialTokens.forEach((name, id) => {
    if (added[id]!.id !== id || added[id]!.content !== name)
      refuse(`added_tokens[${id}]`, `is not ${name} with id ${id}`);
  });

  const idOf = new Map(Object.entries(model.vocab));
  const expectId = (name: string, id: number): void => {
    if (idOf.get(name) !== id) refuse('model.vocab', `does not give id ${id} to what stands there in this layout`);
  };
  specialTokens.forEach(expectId);
  charOfByte.forEach((name, byte) => expectId(name, specialTokens.length + byte));
  const firstMerge = specialTokens.length + byteCount;
  const merges = model.merges.map((entry, rank): [number, number] => {
    const [left, right, ...rest] = typeof entry === 'string' ? entry.split(' ') : entry;
    const leftId = idOf.get(left ?? '');
    const rightId = idOf.get(right ?? '');
    const isKnown = (id: number | undefined): id is number =>
      id !== undefined && id >= specialTokens.length && id < firstMerge + rank;
    if (!isKnown(leftId) || !isKnown(rightId) || rest.length > 0) {
      refuse(`model.merges[${rank}]`, 'does not join two ids that come before it');
    }
    expectId(`${left}${right}`, firstMerge + rank);
    return [leftId, rightId];
  });
  if (idOf.size !== firstMerge + merges.length) {
    refuse('model.vocab', `has ${idOf.size} entries, specials, bytes and merges make ${firstMerge + merges.length}`);
  }
  return { specials: specialTokens, merges };
}

function parse(json: string): z.infer<typeof schema> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new UserError('tokenizer.json is not JSON.', hint); // the parser's message may quote the file: merges hold words
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.map(String).join('.') ?? '';
  return refuse(field === '' ? 'the file' : field, 'is missing or not what a byte-level BPE of this program has');
}

function refuse(field: string, problem: string): never {
  throw new UserError(`tokenizer.json: ${field} ${problem}.`, hint);
}

// === Configuration

/**
 * Jinja: user and assistant messages in chat format v1, without times or quotes. Messages of one role in a row are the
 * bubbles of one turn; system messages have no place in the format and are left out.
 */
const chatTemplate = [
  '{{- bos_token -}}',
  "{%- set ns = namespace(role='') -%}",
  '{%- for message in messages -%}',
  "{%- if message['role'] == 'user' or message['role'] == 'assistant' -%}",
  "{%- if message['role'] == ns.role -%}",
  "{{- '<|msg|>' -}}",
  '{%- else -%}',
  "{%- if ns.role -%}{{- '<|end|>' -}}{%- endif -%}",
  "{{- '<|persona|>' if message['role'] == 'assistant' else '<|other|>' -}}",
  '{%- endif -%}',
  "{%- set ns.role = message['role'] -%}",
  "{{- message['content'] -}}",
  "{%- elif message['role'] != 'system' -%}",
  "{{- raise_exception('roles are user and assistant') -}}",
  '{%- endif -%}',
  '{%- endfor -%}',
  "{%- if ns.role -%}{{- '<|end|>' -}}{%- endif -%}",
  "{%- if add_generation_prompt -%}{{- '<|persona|>' -}}{%- endif -%}",
].join('');

/** tokenizer_config.json: which ids begin and end, and the chat template (which writes `<|bos|>` itself). */
export function tokenizerConfigJson(): string {
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<|bos|>',
    eos_token: '<|end|>',
    add_bos_token: false,
    add_eos_token: false,
    clean_up_tokenization_spaces: false,
    chat_template: chatTemplate,
  };
  return `${JSON.stringify(config, null, 1)}\n`;
}
