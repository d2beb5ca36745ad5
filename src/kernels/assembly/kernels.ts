// The module: what pool.ts calls, and the loop that every thread runs over the tape.

import { attention } from './attention';
import { attentionBackward } from './attention-backward';
import { packPanels, linear, copyRows } from './decode';
import { decodeAttention } from './decode-attention';
import { swiglu, swigluBackward, axpby, copy, zero, dropout, dropoutAdd, sumOfSquares } from './elementwise';
import { embedding, embeddingBackward } from './embedding';
import { gemm } from './gemm';
import { crossEntropy } from './loss';
import { rmsNorm, rmsNormBackward, rmsNormGain } from './norm';
import { adamW } from './optimizer';
import { rope } from './rope';
import { barrier, closeWorkers, controlHeader, fail, finish, nextRun, progressBytes, settleWorkers, start } from './barrier';
import * as codes from './codes';
import { control, scratchBytes, setThread, threadId } from './shared';

// Exported so that the optimizer does not inline kernels that have one caller into the loop below: V8 compiles a function
// well only once it has been called often, and allocates registers badly in one that is large.
export { attention } from './attention';
export { attentionBackward } from './attention-backward';
export { packPanels, linear, copyRows } from './decode';
export { decodeAttention } from './decode-attention';
export { swiglu, swigluBackward, axpby, copy, zero, dropout, dropoutAdd, sumOfSquares } from './elementwise';
export { embedding, embeddingBackward } from './embedding';
export { gemm } from './gemm';
export { crossEntropy } from './loss';
export { rmsNorm, rmsNormBackward, rmsNormGain } from './norm';
export { adamW } from './optimizer';
export { rope } from './rope';
export { fail } from './barrier';

/** First free address: static data lies below. */
export function heapBase(): usize {
  return (__heap_base + 63) & ~63;
}

/** Bytes of control words and scratch, from `control` on. */
export function controlBytes(threads: i32): usize {
  return scratchFrom(threads) + <usize>threads * scratchBytes;
}
function scratchFrom(threads: i32): usize {
  return controlHeader + <usize>threads * progressBytes;
}

export function setUp(at: usize, tid: i32, threads: i32): void {
  setThread(at, tid, threads, at + scratchFrom(threads) + <usize>tid * scratchBytes);
}

/** Thread 0: runs a tape together with the others; 0, or 1 + the index of the entry that failed. */
export function run(tape: usize, entries: i32): i32 {
  start(tape, entries);
  runTape(tape, entries);
  return settle();
}

export function settle(): i32 {
  settleWorkers();
  return atomic.load<i32>(control, 192);
}

/** Another thread: its part of the next run; 0 once the pool is closed. */
export function work(): i32 {
  if (!nextRun()) return 0;
  runTape(atomic.load<u32>(control, 8), atomic.load<i32>(control, 12));
  finish();
  return 1;
}

export function close(): void {
  closeWorkers();
}

function runTape(tape: usize, entries: i32): void {
  const progress = control + controlHeader + progressBytes * <usize>threadId;
  for (let i = 0; i < entries; i++) {
    atomic.store<i32>(progress, i);
    runEntry(tape + <usize>i * codes.entryBytes);
    if (i + 1 < entries && !barrier()) return;
  }
}

function runEntry(entry: usize): void {
  // prettier-ignore
  switch (load<i32>(entry)) {
    case codes.gemmCode: gemm(entry); break;
    case codes.embeddingCode: embedding(entry); break;
    case codes.embeddingBackwardCode: embeddingBackward(entry); break;
    case codes.rmsNormCode: rmsNorm(entry); break;
    case codes.rmsNormBackwardCode: rmsNormBackward(entry); break;
    case codes.rmsNormGainCode: rmsNormGain(entry); break;
    case codes.ropeCode: rope(entry); break;
    case codes.attentionCode: attention(entry); break;
    case codes.attentionBackwardCode: attentionBackward(entry); break;
    case codes.swigluCode: swiglu(entry); break;
    case codes.swigluBackwardCode: swigluBackward(entry); break;
    case codes.crossEntropyCode: crossEntropy(entry); break;
    case codes.axpbyCode: axpby(entry); break;
    case codes.copyCode: copy(entry); break;
    case codes.zeroCode: zero(entry); break;
    case codes.dropoutCode: dropout(entry); break;
    case codes.dropoutAddCode: dropoutAdd(entry); break;
    case codes.sumOfSquaresCode: sumOfSquares(entry); break;
    case codes.adamWCode: adamW(entry); break;
    case codes.packPanelsCode: packPanels(entry); break;
    case codes.linearCode: linear(entry); break;
    case codes.decodeAttentionCode: decodeAttention(entry); break;
    case codes.copyRowsCode: copyRows(entry); break;
    default: unreachable();
  }
}
