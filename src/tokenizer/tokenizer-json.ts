/**
 * The tokenizer as Hugging Face files: tokenizer.json (BPE over the byte-to-unicode alphabet, `ByteLevel`) out and in,
 * and tokenizer_config.json with a chat template. So transformers, vLLM and llama.cpp give the same ids. A base's
 * tokenizer.json gets the chat format's special tokens by `withSpecialTokens`.
 * One difference in use: those programs turn a typed `<|end|>` into the special id unless told `split_special_tokens`.
 */
import { check, UserError } from '../util/errors.ts';
import type { BpeModel } from './bpe-model.ts';
import { spell } from './byte-alphabet.ts';
import { specialTokens } from './chat-ids.ts';
import { gptCuts } from './pre-tokenizer.ts';
import { readTokenizerJson } from './read-tokenizer-json.ts';

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true } as const;

/** tokenizer.json of a tokenizer trained here. Merges are written as `"a b"`, which old readers know too. */
export function toTokenizerJson(model: BpeModel): string {
  check(model.cuts === gptCuts && model.literals.length === 0 && !model.ignoreMerges, 'a tokenizer trained here');
  const nameOf = new Map(Array.from(model.specials, ([name, id]) => [id, name]));
  const names = model.tokens.map((bytes, id) => nameOf.get(id) ?? spell(bytes));
  const json = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: Array.from(model.specials, ([content, id]) => addedToken(content, id)),
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

const addedToken = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

/** Read a tokenizer.json that has the chat format's special tokens. Throws a UserError that names what is different. */
export function fromTokenizerJson(json: string): BpeModel {
  const model = readTokenizerJson(json);
  for (const name of specialTokens) {
    if (!model.specials.has(name)) {
      throw new UserError(
        `tokenizer.json: added_tokens lacks ${name}, a special token of chat format v1.`,
        'Use a model folder of this program; `persona retrain --base FOLDER` makes one from a base.',
      );
    }
  }
  return model;
}

export interface ExtendedTokenizer {
  tokenizerJson: string;
  /** ids before, which are also the first of the new ones: rows of the base's embedding */
  baseVocabSize: number;
  /** ids now: rows that the embedding must get */
  vocabSize: number;
}

/**
 * A base's tokenizer.json with special tokens added behind its last id, in their order; everything else stays as it is. One that
 * is there already, as a special token, keeps its id. Throws a UserError where the file is none that is read here, has
 * unused ids, or has one of the names for something else.
 */
export function withSpecialTokens(json: string, names: readonly string[] = specialTokens): ExtendedTokenizer {
  const model = readTokenizerJson(json);
  const file = JSON.parse(json) as { added_tokens: unknown[]; model: { vocab: Record<string, number> } };
  const used = new Set([
    ...Object.values(file.model.vocab),
    ...model.specials.values(),
    ...model.literals.map(({ id }) => id),
  ]);
  const problem = (what: string): UserError =>
    new UserError(`tokenizer.json: ${what}.`, 'Special tokens cannot be added to this base; choose another.');
  // Hugging Face numbers added tokens itself, from the number of ids on: a hole would shift them
  if (used.size !== model.tokens.length) throw problem(`uses ${used.size} of its ${model.tokens.length} ids`);
  const added = [...file.added_tokens];
  let nextId = model.tokens.length;
  for (const name of names) {
    if (model.specials.has(name)) continue;
    const isTaken = model.literals.some(({ content }) => content === name) || Object.hasOwn(file.model.vocab, name);
    if (isTaken) throw problem(`has ${name} as a token that is not special`);
    added.push(addedToken(name, nextId++));
  }
  return {
    tokenizerJson: `${JSON.stringify({ ...file, added_tokens: added }, null, 1)}\n`,
    baseVocabSize: model.tokens.length,
    vocabSize: nextId,
  };
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
