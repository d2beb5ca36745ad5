// What every kernel knows: which thread it is, its share of the work, its scratch. A kernel takes the address of its
// entry on the tape; argument n lies at word n + 1.

import { exponentialBytes, setExponentials } from './math';

export let threadId: i32 = 0;
export let threadCount: i32 = 1;
/** Private working memory of this thread, scratchBytes long. */
export let scratch: usize = 0;
/** A tile whose right edge is outside of its matrix is computed here first. */
export let edgeTile: usize = 0;
const edgeBytes: usize = 256;
/** Barrier, failure and progress words, common to all threads. */
export let control: usize = 0;

// Room for attention's packed keys and values (tape.ts, maxKeyWords) and two blocks of scores. Untouched pages cost nothing.
export const scratchBytes: usize = 16 << 20;

export function setThread(at: usize, tid: i32, threads: i32, scratchAt: usize): void {
  control = at;
  threadId = tid;
  threadCount = threads;
  edgeTile = scratchAt;
  setExponentials(scratchAt + edgeBytes);
  scratch = scratchAt + edgeBytes + ((exponentialBytes + 63) & ~63);
}

// @ts-ignore: decorator
@inline export function int(entry: usize, n: i32): i32 {
  return load<i32>(entry + ((<usize>n + 1) << 2));
}
// @ts-ignore: decorator
@inline export function address(entry: usize, n: i32): usize {
  return load<u32>(entry + ((<usize>n + 1) << 2));
}
// @ts-ignore: decorator
@inline export function real(entry: usize, n: i32): f32 {
  return load<f32>(entry + ((<usize>n + 1) << 2));
}

/** First of `count` things that belong to thread `tid`; the next thread's first is where its share ends. */
export function shareOf(count: i32, tid: i32): i32 {
  return <i32>((<i64>count * tid) / threadCount);
}
// @ts-ignore: decorator
@inline export function first(count: i32): i32 {
  return shareOf(count, threadId);
}
// @ts-ignore: decorator
@inline export function last(count: i32): i32 {
  return shareOf(count, threadId + 1);
}

// Elements are shared out in whole cache lines, so that no two threads write to one.
const lineWords: i32 = 16;
export function firstElement(count: i32): i32 {
  return min(count, first((count + lineWords - 1) / lineWords) * lineWords);
}
export function lastElement(count: i32): i32 {
  return min(count, last((count + lineWords - 1) / lineWords) * lineWords);
}
