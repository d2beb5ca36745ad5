/**
 * Encoded conversations -> rows of at most one context, for training and for scoring. Every id that carries loss is a
 * target exactly once over all rows, with at least half a context (`leftShare`) of its conversation to its left where
 * there is as much; what follows the last target is dropped. Every conversation, and every later window of a long one,
 * starts with `<|bos|>`, as prompts do. Short pieces share a row.
 * Not covered: attention between neighbours in a row is not masked; `<|bos|>` is what tells them apart.
 */
import { check } from '../util/errors.ts';
import { lossKind, type EncodedConversation } from '../tokenizer/chat-format.ts';

export interface TrainingRow {
  /** (length <= contextLength) */
  inputs: Int32Array;
  /** (length) the id that follows inputs[i], or -1 where there is no loss */
  targets: Int32Array;
  /** (length) loss class of targets[i] (`lossKind`), 0 where there is no loss */
  kinds: Uint8Array;
}

/** A row, or part of one: one window of one conversation. */
type Piece = TrainingRow;

export interface RowOptions {
  /**
   * share of a context that every target of a later window has to its left, where there is as much; 0.5 where left out.
   * Less costs fewer positions and gives the first targets of a window little to go by
   */
  leftShare?: number;
}

/** Cut and pack. Deterministic; rows stand in the order of the first conversation in them. */
export function toRows(
  encoded: Iterable<EncodedConversation>,
  contextLength: number,
  { leftShare = 0.5 }: RowOptions = {},
): TrainingRow[] {
  check(contextLength >= 8, `contextLength ${contextLength}, too short to cut`);
  check(leftShare >= 0 && leftShare <= 0.9, `${leftShare} of a context to the left of every target`);
  const left = Math.ceil(contextLength * leftShare);
  const pieces: Piece[] = [];
  for (const conversation of encoded) {
    for (const piece of cut(conversation, contextLength, left)) pieces.push(piece);
  }
  return pack(pieces, contextLength);
}

/** Ids of all rows: what a pass over them computes. */
export function idsOf(rows: readonly TrainingRow[]): number {
  return rows.reduce((sum, { inputs }) => sum + inputs.length, 0);
}

/** How well rows use the positions they cost. */
export function rowStats(
  rows: readonly TrainingRow[],
  contextLength: number,
): { rows: number; targets: number; fill: number } {
  let used = 0;
  let targets = 0;
  for (const row of rows) {
    used += row.inputs.length;
    for (const target of row.targets) if (target >= 0) targets++;
  }
  return { rows: rows.length, targets, fill: rows.length === 0 ? 1 : used / (rows.length * contextLength) };
}

/** Windows over one conversation. Window `start` holds ids[start..], behind a `<|bos|>` of its own unless start is 0. */
function* cut({ ids, kinds, endId }: EncodedConversation, contextLength: number, left: number): Generator<Piece> {
  const isTarget = (at: number): boolean => kinds[at] !== lossKind.none;
  let last = ids.length - 1;
  while (last > 0 && !isTarget(last)) last--;
  let next = 1;
  while (next <= last) {
    if (!isTarget(next)) {
      next++;
      continue;
    }
    const start = windowStart(ids, endId, next, last, contextLength, left);
    let end = Math.min(last, start === 0 ? contextLength : start + contextLength - 1);
    while (!isTarget(end)) end--;
    yield window(ids, kinds, start, next, end);
    next = end + 1;
  }
}

/** Where the window begins that scores from ids[next] on: as late as `left` allows, earlier where that is free. */
function windowStart(
  ids: Int32Array,
  endId: number,
  next: number,
  last: number,
  contextLength: number,
  left: number,
): number {
  const latest = next - left;
  const toTheEnd = last - contextLength + 1; // from here one window reaches the last target
  if (Math.min(latest, toTheEnd) <= 1) return 0;
  if (toTheEnd <= latest) return toTheEnd;
  // a turn that starts shortly before: prompts begin at a message, not amid a word
  for (let start = latest; start > 1 && start >= latest - contextLength / 8; start--) {
    if (ids[start - 1] === endId) return start;
  }
  return latest;
}

/** Inputs up to ids[end - 1]; targets from ids[first] to ids[end]. */
function window(ids: Int32Array, kinds: Uint8Array, start: number, first: number, end: number): Piece {
  const lead = start === 0 ? 0 : 1;
  const length = lead + end - start;
  const piece = {
    inputs: new Int32Array(length),
    targets: new Int32Array(length).fill(-1),
    kinds: new Uint8Array(length),
  };
  if (lead === 1) piece.inputs[0] = ids[0]!; // <|bos|>
  piece.inputs.set(ids.subarray(start, end), lead);
  for (let at = first; at <= end; at++) {
    const kind = kinds[at] ?? lossKind.none;
    if (kind === lossKind.none) continue;
    const i = lead + at - 1 - start;
    piece.targets[i] = ids[at] ?? -1;
    piece.kinds[i] = kind;
  }
  return piece;
}

/** Best fit, longest first: each piece goes into the row with the least room that is enough. */
function pack(pieces: readonly Piece[], contextLength: number): TrainingRow[] {
  const order = pieces.map((piece, at) => ({ piece, at }));
  order.sort((a, b) => b.piece.inputs.length - a.piece.inputs.length || a.at - b.at);
  const rowsWithRoom: { piece: Piece; at: number }[][][] = Array.from({ length: contextLength + 1 }, () => []);
  for (const entry of order) {
    const { length } = entry.piece.inputs;
    let room = length;
    while (room < contextLength && rowsWithRoom[room]?.length === 0) room++;
    const row = rowsWithRoom[room]?.pop() ?? [];
    row.push(entry);
    rowsWithRoom[room - length]?.push(row);
  }
  return rowsWithRoom
    .flat()
    .map((row) => row.sort((a, b) => a.at - b.at))
    .sort((a, b) => (a[0]?.at ?? 0) - (b[0]?.at ?? 0))
    .map((row) => join(row.map(({ piece }) => piece)));
}

function join(pieces: readonly Piece[]): TrainingRow {
  const length = pieces.reduce((sum, { inputs }) => sum + inputs.length, 0);
  const row = { inputs: new Int32Array(length), targets: new Int32Array(length), kinds: new Uint8Array(length) };
  let at = 0;
  for (const piece of pieces) {
    row.inputs.set(piece.inputs, at);
    row.targets.set(piece.targets, at);
    row.kinds.set(piece.kinds, at);
    at += piece.inputs.length;
  }
  return row;
}
