/**
 * The voice as the rest of the program holds it: `speak` hands a request to the worker thread and waits without
 * blocking. Requests queue. A worker that dies is started anew, once for the request it died on; one that takes too
 * long is stopped. The worker lives in dist/, also when the caller runs from source.
 */
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { RedactOptions } from '../consent/redact.ts';
import type { BackendName } from '../types.ts';
import { distFile } from '../util/dist.ts';
import type { Logger } from '../util/log.ts';
import { fromPlainError, type Answer, type FromWorker, type Question, type Questions } from './protocol.ts';
import type { SpeakRequest, Spoken, ToWorker, WorkerSettings } from './protocol.ts';

export type { SpeakRequest, Spoken } from './protocol.ts';

const defaultTimeoutMs = 180_000;

export interface VoiceOptions {
  modelsDir: string;
  backend: BackendName | 'auto';
  log: Logger;
  /** what prompts hide behind placeholders; the same as in training */
  redaction?: RedactOptions;
  /** longest time for one answer, the loading of a model included */
  timeoutMs?: number;
  /** the worker's compiled file */
  workerFile?: string;
  /** the worker gives way to everything else on this machine */
  isPolite?: boolean;
}

export interface Voice {
  /**
   * @returns undefined where no run serves
   * @throws UserError when the exact run asked for is not whole or the backend is not usable; Error when the worker died
   *   twice, took too long, or the voice was closed
   */
  speak(request: SpeakRequest): Promise<Spoken | undefined>;
  /** What stands behind a reply of exactly one run. The run is kept until another is asked. @throws as `speak` */
  explain(request: Questions['explain']['request']): Promise<Questions['explain']['answer']>;
  trace(request: Questions['trace']['request']): Promise<Questions['trace']['answer']>;
  /** Stops the worker; requests under way and waiting are rejected. */
  close(): Promise<void>;
}

/** The worker ended while it had a request. */
class WorkerDied extends Error {}

/** Starts nothing yet: the worker comes with the first request, and does not keep the process alive between requests. */
export function openVoice(options: VoiceOptions): Voice {
  const { log, timeoutMs = defaultTimeoutMs, workerFile = distFile('src/reply/worker.ts') } = options;
  const settings: WorkerSettings = {
    modelsDir: options.modelsDir,
    backend: options.backend,
    ...(options.redaction && { redaction: options.redaction }),
    ...(options.isPolite === true && { isPolite: true }),
  };
  let worker: Worker | undefined;
  let waiting: { id: number; settle: (outcome: Answer | Error) => void } | undefined;
  let lastId = 0;
  let queue: Promise<unknown> = Promise.resolve();
  let closed = false;

  function start(): Worker {
    const started = new Worker(pathToFileURL(workerFile), { workerData: settings });
    let uncaught: unknown;
    started.on('message', (message: FromWorker) => receive(message));
    started.on('error', (error) => (uncaught = error));
    started.on('exit', (code) => {
      if (worker !== started) return; // stopped by us
      worker = undefined;
      const why = uncaught instanceof Error ? uncaught.message : `exit code ${code}`;
      waiting?.settle(new WorkerDied(`the reply worker ended early (${why})`, { cause: uncaught }));
    });
    return started;
  }

  function receive(message: FromWorker): void {
    if (message.type === 'notice') {
      const { level, run, text } = message.notice;
      log[level]({ run }, text);
    } else if (message.id === waiting?.id) {
      waiting.settle(message.type === 'answered' ? message.answer : fromPlainError(message.error));
    }
  }

  /** One request to the worker, which has no other. */
  function ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (closed) throw closedError();
      const id = ++lastId;
      const asked = (worker ??= start());
      asked.postMessage({ id, question } satisfies ToWorker); // throws on what cannot be cloned, before anything waits
      asked.ref();
      const timer = setTimeout(() => {
        worker = undefined;
        void asked.terminate();
        waiting?.settle(new Error(`no reply within ${timeoutMs / 1000} s; the reply worker was stopped`));
      }, timeoutMs);
      waiting = {
        id,
        settle(outcome) {
          clearTimeout(timer);
          waiting = undefined;
          asked.unref();
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
    });
  }

  /** Asks again where the worker died: the same seed gives the same reply. */
  async function askTwice(question: Question): Promise<Answer> {
    try {
      return await ask(question);
    } catch (error) {
      if (!(error instanceof WorkerDied)) throw error;
      log.error({ err: error }, 'the reply worker is started anew');
    }
    try {
      return await ask(question);
    } catch (error) {
      if (!(error instanceof WorkerDied)) throw error;
      throw new Error(`the reply worker died twice on one request: ${error.message}`, { cause: error });
    }
  }

  /** After those before it. The worker answers each kind of question with its own kind of answer. */
  function inTurn<K extends keyof Questions>(question: Question & { kind: K }): Promise<Questions[K]['answer']> {
    const answer = queue.then(() => askTwice(question) as Promise<Questions[K]['answer']>);
    queue = answer.catch(() => undefined);
    return answer;
  }

  return {
    speak: (request) => inTurn({ kind: 'speak', request }),
    explain: (request) => inTurn({ kind: 'explain', request }),
    trace: (request) => inTurn({ kind: 'trace', request }),
    async close() {
      closed = true;
      const running = worker;
      worker = undefined;
      waiting?.settle(closedError());
      await running?.terminate();
      await queue;
    },
  };
}

const closedError = (): Error => new Error('the voice was closed');
