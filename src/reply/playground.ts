/**
 * The playground's own voice: a worker beside the one that answers chats, at a lower priority, which is started by the
 * first question and gone again some idle minutes after the last one, with its memory. A run is asked about before it is
 * loaded, and again once that answer is old. Not covered: who may ask (the review page's session).
 */
import { openVoice, type VoiceOptions } from './voice.ts';
import type { Explained, ExplainRequest, TracedToken, TraceRequest } from './explain.ts';

export interface Playground {
  /** @throws UserError where that run may not speak or is not whole */
  explain(request: ExplainRequest): Promise<Explained>;
  trace(request: TraceRequest): Promise<TracedToken[]>;
  /** a worker holds a run in memory now */
  isLoaded(): boolean;
  close(): Promise<void>;
}

export interface PlaygroundOptions extends VoiceOptions {
  /** @throws UserError where a run may not speak: it saw what is gone since, or is not whole */
  check: (run: string) => Promise<void>;
  /** without a question the worker ends after this long; default 5 minutes */
  idleMs?: number;
  /** how long what `check` said counts; default 1 minute */
  checkedMs?: number;
}

export function openPlayground({
  check,
  idleMs = 5 * 60_000,
  checkedMs = 60_000,
  ...voice
}: PlaygroundOptions): Playground {
  const checked = new Map<string, number>();
  let open: ReturnType<typeof openVoice> | undefined;
  let asking = 0;
  let idle: NodeJS.Timeout | undefined;

  const unload = async (): Promise<void> => {
    clearTimeout(idle);
    const ending = open;
    open = undefined;
    await ending?.close();
  };
  const allow = async (run: string): Promise<void> => {
    if (Date.now() - (checked.get(run) ?? -Infinity) < checkedMs) return;
    checked.delete(run);
    await check(run);
    checked.set(run, Date.now());
  };
  const ask = async <T>(run: string, question: (voice: ReturnType<typeof openVoice>) => Promise<T>): Promise<T> => {
    await allow(run);
    clearTimeout(idle);
    asking++;
    try {
      open ??= openVoice({ ...voice, isPolite: true });
      return await question(open);
    } finally {
      if (--asking === 0) idle = setTimeout(() => void unload(), idleMs).unref();
    }
  };

  return {
    explain: (request) => ask(request.runId, (voiceNow) => voiceNow.explain(request)),
    trace: (request) => ask(request.runId, (voiceNow) => voiceNow.trace(request)),
    isLoaded: () => open !== undefined,
    close: unload,
  };
}
