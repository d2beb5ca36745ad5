/**
 * The baseline every network has to beat: a byte n-gram with Witten-Bell interpolation (Witten & Bell 1991; recursive
 * as in Chen & Goodman 1998), P(b|h) = (c(hb) + T(h) P(b|h')) / (c(h) + T(h)), where T(h) counts the distinct bytes seen
 * after h, h' is h without its oldest byte, and below the empty context every byte has 1/256.
 * Texts in, bits per byte of the persona's held-out messages out, by the definition of `persona evaluate`.
 * Contexts are nodes of a trie. Not covered: pruning; memory grows with the number of distinct n-grams.
 */
import { check } from '../util/errors.ts';
import type { BitsReport } from '../types.ts';
import { isScored, type Conversation } from '../dataset/conversations.ts';

const byteValues = 256;
const root = 0;
const unseen = -1;

export interface Ngram {
  readonly order: number;
  /** P(byte | the last order - 1 of these bytes) */
  probability(context: Uint8Array, byte: number): number;
  /** Distinct contexts and n-grams held. */
  readonly nodes: number;
}

/** Bytes in the order in which they are read, each counted or only context for what follows. */
interface Piece {
  bytes: Uint8Array;
  counted: boolean;
}

/** Train on texts. Each begins with no context; join what belongs together (messages: one newline after each). */
export function trainNgram(texts: Iterable<Uint8Array | string>, order = 5): Ngram {
  const trie = createTrie(order);
  for (const text of texts) {
    trie.learn([{ bytes: typeof text === 'string' ? Buffer.from(text) : text, counted: true }]);
  }
  return trie;
}

/**
 * Train on conversations, a newline after each message. With `personaOnly` the persona's messages alone are counted,
 * after whatever was said before them; else both sides' are.
 */
export function trainConversationNgram(
  conversations: Iterable<Conversation>,
  options: { personaOnly: boolean; order?: number },
): Ngram {
  const trie = createTrie(options.order ?? 5);
  for (const conversation of conversations) {
    trie.learn(
      conversation.messages.map((message) => ({
        bytes: lineBytes(message.text),
        counted: !options.personaOnly || isScored(message, conversation),
      })),
    );
  }
  return trie;
}

/**
 * Bits for the persona's messages and the newline after each, every byte predicted from the bytes of the conversation
 * before it, the other's messages included. Bot messages and messages said before are context only.
 */
export function ngramBits(model: Ngram, conversations: Iterable<Conversation>): BitsReport {
  let bits = 0;
  let bytes = 0;
  for (const conversation of conversations) {
    const lines = conversation.messages.map(({ text }) => lineBytes(text));
    const stream = Buffer.concat(lines);
    let at = 0;
    conversation.messages.forEach((message, i) => {
      const end = at + (lines[i]?.length ?? 0);
      for (; at < end && isScored(message, conversation); at++) {
        const context = stream.subarray(Math.max(0, at - model.order + 1), at);
        bits -= Math.log2(model.probability(context, stream[at]!));
        bytes++;
      }
      at = end;
    });
  }
  return { bits, bytes, bitsPerByte: bytes === 0 ? 0 : bits / bytes, markBits: 0 };
}

/** Both ways to train the baseline on `train`, measured on `heldOut`. The better one is the one to beat. */
export function ngramBaselines(
  train: readonly Conversation[],
  heldOut: readonly Conversation[],
  order = 5,
): { bothSides: BitsReport; personaOnly: BitsReport } {
  const measure = (personaOnly: boolean): BitsReport =>
    ngramBits(trainConversationNgram(train, { personaOnly, order }), heldOut);
  return { bothSides: measure(false), personaOnly: measure(true) };
}

const lineBytes = (text: string): Uint8Array => Buffer.from(`${text}\n`);

/**
 * Node = a string of up to `order` bytes, its child by b = that string followed by b. A node without a total never stood
 * before a counted byte: an unseen context, for which the shorter ones speak.
 */
function createTrie(order: number): Ngram & { learn(pieces: readonly Piece[]): void } {
  check(Number.isInteger(order) && order >= 1 && order <= 16, `order ${order}, not in 1..16`);
  const children = new Map<number, number>(); // node * 256 + byte -> node
  let capacity = 1 << 16;
  let nodes = 1;
  let count = new Uint32Array(capacity); // times this string was counted: c(hb) of its last byte after the others
  let total = new Uint32Array(capacity); // c(h): sum of the children's counts
  let types = new Uint16Array(capacity); // T(h): number of children with a count

  const addChild = (node: number, byte: number): number => {
    if (nodes === capacity) {
      capacity *= 2;
      count = grown(count, new Uint32Array(capacity));
      total = grown(total, new Uint32Array(capacity));
      types = grown(types, new Uint16Array(capacity));
    }
    children.set(node * byteValues + byte, nodes);
    return nodes++;
  };
  const childOf = (node: number, byte: number): number | undefined => children.get(node * byteValues + byte);

  const learn = (pieces: readonly Piece[]): void => {
    const contexts = new Int32Array(order + 1).fill(unseen); // contexts[k]: node of the last k bytes, up to order - 1
    const advance = (byte: number, counted: boolean): void => {
      for (let k = order - 1; k >= 0; k--) {
        const context = contexts[k]!;
        if (context === unseen) continue; // fewer than k bytes so far
        const child = childOf(context, byte) ?? addChild(context, byte);
        contexts[k + 1] = child;
        if (!counted) continue;
        if (count[child]! === 0) types[context]!++;
        count[child]!++;
        total[context]!++;
      }
    };
    let tail: Uint8Array = new Uint8Array(0); // the bytes that still matter as context
    for (const { bytes, counted } of pieces) {
      if (counted) {
        contexts.fill(unseen);
        contexts[0] = root;
        for (const byte of tail) advance(byte, false);
        for (const byte of bytes) advance(byte, true);
      }
      tail = lastBytes(bytes.length < order ? Buffer.concat([tail, bytes]) : bytes, order - 1);
    }
  };

  const probability = (context: Uint8Array, byte: number): number => {
    let p = 1 / byteValues;
    for (let k = 0; k <= Math.min(order - 1, context.length); k++) {
      let node: number | undefined = root;
      for (let i = context.length - k; i < context.length && node !== undefined; i++) node = childOf(node, context[i]!);
      if (node === undefined || total[node] === 0) break; // a longer context is unseen too
      const child = childOf(node, byte) ?? unseen;
      p = ((child === unseen ? 0 : count[child]!) + types[node]! * p) / (total[node]! + types[node]!);
    }
    return p;
  };

  return {
    order,
    learn,
    probability,
    get nodes() {
      return nodes;
    },
  };
}

function lastBytes(bytes: Uint8Array, n: number): Uint8Array {
  return bytes.subarray(Math.max(0, bytes.length - n));
}

function grown<T extends Uint32Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
