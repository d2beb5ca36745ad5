/** What crosses the border between voice.ts and its worker thread: plain data that structured clone copies. */
import type { RedactOptions } from '../consent/redact.ts';
import type { BackendName, ConversationMessage, SamplingOptions } from '../types.ts';
import { UserError, type ExitCode } from '../util/errors.ts';
import type { Explained, ExplainRequest, TracedToken, TraceRequest } from './explain.ts';
import type { RankedReply } from './rank.ts';

/** One question to the voice. */
export interface SpeakRequest {
  /** messages of one chat, newest last */
  context: readonly ConversationMessage[];
  /** of the first candidate; the next ones count up from it, `maxCandidates` (compose.ts) at most */
  seed: number;
  sampling: SamplingOptions;
  maxNewTokens?: number;
  /** how many are sampled; default: what the run can do in time. One with a candidate's own seed gives it again */
  candidates?: number;
  /** time for sampling, ms: on a busy machine fewer candidates are finished */
  budgetMs?: number;
  /** exactly this run instead of the one that serves, to replay a reply */
  runId?: string;
}

/** The answer, with all it takes to give it again. */
export interface Spoken {
  runId: string;
  backend: BackendName;
  /** best first, no two the same; none when the model stays silent */
  candidates: RankedReply[];
  /** rows that the prompt was made from: the context of a replay */
  promptRowIds: number[];
  promptHash: string;
  /** from the request's turn to its answer; the first one loads the model */
  latencyMs: number;
  /** 99th percentile of the persona's message length, in UTF-16 code units */
  personaP99Chars: number;
}

/** What the worker is started with. */
export interface WorkerSettings {
  modelsDir: string;
  backend: BackendName | 'auto';
  redaction?: RedactOptions;
  /** gives way to everything else on this machine */
  isPolite?: boolean;
}

/** One kind of question of each, with its answer. */
export interface Questions {
  speak: { request: SpeakRequest; answer: Spoken | undefined };
  explain: { request: ExplainRequest; answer: Explained };
  trace: { request: TraceRequest; answer: TracedToken[] };
}

export type Question = { [K in keyof Questions]: { kind: K; request: Questions[K]['request'] } }[keyof Questions];
export type Answer = Questions[keyof Questions]['answer'];

export interface ToWorker {
  id: number;
  question: Question;
}

export type FromWorker =
  | { type: 'answered'; id: number; answer: Answer }
  | { type: 'failed'; id: number; error: PlainError }
  | { type: 'notice'; notice: Notice };

/** For the log: something about a run, never about a message. */
export interface Notice {
  level: 'info' | 'warn';
  run: string;
  text: string;
}

/** An error as data: structured clone drops what a subclass adds. */
export interface PlainError {
  name: string;
  message: string;
  stack: string | undefined;
  /** of a UserError */
  user: { hint: string; exitCode: ExitCode } | undefined;
}

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined, user: undefined };
  const user = error instanceof UserError ? { hint: error.hint, exitCode: error.exitCode } : undefined;
  return { name: error.name, message: error.message, stack: error.stack, user };
}

/** The error again, with the worker's stack; a UserError stays one. */
export function fromPlainError({ name, message, stack, user }: PlainError): Error {
  const error = user ? new UserError(message, user.hint, { exitCode: user.exitCode }) : new Error(message);
  error.name = name;
  if (stack !== undefined) error.stack = stack;
  return error;
}
