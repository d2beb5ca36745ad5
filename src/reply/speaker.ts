/**
 * Answers with the run that serves: looks at models/current.json before each request and changes over when another run
 * was published. A run that cannot be loaded is reported, and the one at work stays; one that current.json no longer
 * names (forgotten, or nothing published any more) is let go at once.
 * Not covered: two requests at a time; the caller (worker.ts) asks one after the other.
 */
import { existsSync, statSync } from 'node:fs';
import { currentFile, loadServing, readCurrent, type Current } from '../checkpoint/current.ts';
import { CheckpointError, loadCheckpoint, type Checkpoint } from '../checkpoint/load.ts';
import { runDir } from '../checkpoint/save.ts';
import { redactSpans } from '../consent/redact.ts';
import type { Lexicon } from '../dataset/lexicon.ts';
import { pickBackend } from '../model/backend.ts';
import type { Engine } from '../model/engine.ts';
import { createEngine } from '../model/create-engine.ts';
import { createTokenizer, type Tokenizer } from '../tokenizer/bpe.ts';
import { fromTokenizerJson } from '../tokenizer/tokenizer-json.ts';
import { compose } from './compose.ts';
import { explainReplies, traceReply, type Explained, type ExplainRequest } from './explain.ts';
import type { TracedToken, TraceRequest } from './explain.ts';
import { buildPrompt, type Prompt } from './prompt.ts';
import type { Notice, SpeakRequest, Spoken, WorkerSettings } from './protocol.ts';
import { unknownWordsIn } from './unknown-words.ts';

/** Where a run does not say how long the persona writes: the most that any reply may have. */
const unknownP99Chars = 500;

export interface Speaker {
  /** undefined where no run serves. @throws CheckpointError for an exact run that is not whole */
  speak(request: SpeakRequest): Promise<Spoken | undefined>;
  /** The run stays loaded beside the one that serves, until another is asked for. @throws as `speak` */
  explain(request: ExplainRequest): Promise<Explained>;
  trace(request: TraceRequest): Promise<TracedToken[]>;
  dispose(): void;
}

/** A run ready to answer. */
interface Loaded {
  runId: string;
  engine: Engine;
  tokenizer: Tokenizer;
  personaP99Chars: number;
  /** words that it has read; null: an older run, or one that was trained elsewhere, does not say */
  lexicon: Lexicon | null;
}

export function createSpeaker(settings: WorkerSettings, onNotice: (notice: Notice) => void): Speaker {
  const { modelsDir, redaction } = settings;
  const redact = redaction && ((text: string) => redactSpans(text, redaction));
  let serving: Loaded | undefined;
  /** the run that was explained last */
  let guest: Loaded | undefined;
  /** current.json as it was when `serving` was chosen; undefined: choose anew */
  let seen: string | undefined;

  async function open(checkpoint: Checkpoint): Promise<Loaded> {
    const { runId, config, weights, manifest, lexicon } = checkpoint;
    const tokenizer = createTokenizer(fromTokenizerJson(checkpoint.tokenizerJson));
    const backend = await pickBackend(settings.backend, 'replies');
    const engine = await createEngine({ backend, config, weights, seed: 0 });
    const p99 = manifest.details.personaP99Chars;
    return { runId, engine, tokenizer, personaP99Chars: typeof p99 === 'number' ? p99 : unknownP99Chars, lexicon };
  }

  function replace(next: Loaded | undefined): void {
    serving?.engine.dispose();
    serving = next;
    if (next) onNotice({ level: 'info', run: next.runId, text: 'run loaded' });
  }

  const refuse = (run: string, reason: unknown): void => {
    onNotice({ level: 'warn', run, text: `run refused: ${reason instanceof Error ? reason.message : String(reason)}` });
  };

  /** The run that should answer now. */
  async function choose(): Promise<Loaded | undefined> {
    const now = stamp(currentFile(modelsDir));
    if (seen === now) return serving;
    let current: Current | undefined;
    try {
      current = readCurrent(modelsDir);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      refuse('current.json', error);
      seen = now;
      return serving; // nothing says that it was taken back
    }
    if (current?.run !== serving?.runId) await changeOver(current);
    seen = now;
    return serving;
  }

  async function changeOver(current: Current | undefined): Promise<void> {
    const named = current ? [current.run, ...current.previous] : [];
    if (serving && !named.includes(serving.runId)) replace(undefined);
    const checkpoint = loadServing(modelsDir, refuse);
    if (!checkpoint || checkpoint.runId === serving?.runId) return;
    try {
      replace(await open(checkpoint));
    } catch (error) {
      if (!serving) throw error; // nobody else can answer: the asker must know why
      refuse(checkpoint.runId, error);
    }
  }

  const promptOf = ({ engine, tokenizer }: Loaded, context: SpeakRequest['context']): Prompt =>
    buildPrompt(context, tokenizer, { contextLength: engine.config.contextLength, ...(redact && { redact }) });

  /** What the ranking asks about the words of a reply. */
  const wordsOf = ({ lexicon, tokenizer }: Loaded, context: SpeakRequest['context']) =>
    lexicon === null ? {} : { unknownWords: unknownWordsIn(lexicon, tokenizer, context) };

  /** A run that was erased since is let go, whatever is in memory. */
  async function invite(runId: string): Promise<Loaded> {
    const dir = runDir(modelsDir, runId);
    if (guest?.runId === runId && existsSync(dir)) return guest;
    guest?.engine.dispose();
    guest = undefined;
    guest = await open(loadCheckpoint(dir));
    return guest;
  }

  async function answer(run: Loaded, request: SpeakRequest, startedMs: number): Promise<Spoken> {
    const { engine, tokenizer, runId, personaP99Chars } = run;
    const prompt = promptOf(run, request.context);
    const candidates = await compose(engine, tokenizer, prompt.ids, { ...request, ...wordsOf(run, request.context) });
    return {
      runId,
      backend: engine.backend,
      candidates,
      promptRowIds: prompt.rowIds,
      promptHash: prompt.promptHash,
      latencyMs: Math.round(performance.now() - startedMs),
      personaP99Chars,
    };
  }

  return {
    async speak(request) {
      const startedMs = performance.now();
      const { runId } = request;
      if (runId === undefined || runId === serving?.runId) {
        const run = runId === undefined ? await choose() : serving;
        return run && (await answer(run, request, startedMs));
      }
      const run = await open(loadCheckpoint(runDir(modelsDir, runId)));
      try {
        return await answer(run, request, startedMs);
      } finally {
        run.engine.dispose();
      }
    },
    async explain({ runId, context, seed, sampling }) {
      const startedMs = performance.now();
      const run = await invite(runId);
      const { engine, tokenizer, personaP99Chars } = run;
      const { ids } = promptOf(run, context);
      const asked = { seed, sampling, ...wordsOf(run, context) };
      const candidates = await explainReplies(engine, tokenizer, ids, asked);
      const latencyMs = Math.round(performance.now() - startedMs);
      return { runId, backend: engine.backend, candidates, promptTokens: ids.length, personaP99Chars, latencyMs };
    },
    async trace({ runId, context, sampling, ids }) {
      const run = await invite(runId);
      return await traceReply(run.engine, run.tokenizer, promptOf(run, context).ids, { ids, sampling });
    },
    dispose() {
      serving?.engine.dispose();
      guest?.engine.dispose();
    },
  };
}

/** Changes whenever the file is replaced. */
function stamp(file: string): string {
  const stat = statSync(file, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.ino} ${stat.mtimeNs} ${stat.size}` : 'missing';
}
