/** What the review page is handed, in `persona review` and inside `persona start` alike. */
import { myData } from '../src/bot/my-data.ts';
import { consentNotice } from '../src/consent/notice.ts';
import { redactionOf } from '../src/consent/redact-regions.ts';
import type { Link } from '../src/review/link.ts';
import { openPlayground } from '../src/reply/playground.ts';
import type { ReviewParts } from '../src/review/parts.ts';
import type { Store } from '../src/store/store.ts';
import type { ModelEntry } from '../src/nightly/models.ts';
import { shippedBase } from './base.ts';
import { botParts } from './bot-parts.ts';
import { noticesDir, type Context } from './context.ts';
import type { PersonaCommands } from './persona-command.ts';
import { UserError } from '../src/util/errors.ts';
import type { Logger } from '../src/util/log.ts';

export interface RunningParts {
  commands: PersonaCommands;
  /** begins a training as the running program does; in `persona review` alone it is a command of its own */
  retrain: () => 'started' | 'running';
  /** the link to WhatsApp, inside `persona start` */
  link?: () => Link;
  log: Logger;
}

export function reviewParts(
  context: Context,
  store: Store,
  { commands, retrain, link, log }: RunningParts,
): ReviewParts {
  const { env, persona } = context;
  const models = (...args: string[]): Promise<string> => commands.run(['models', ...args, '--json']);
  const list = async (): Promise<ModelEntry[]> => JSON.parse(await models('list')) as ModelEntry[];
  return {
    store,
    dataDir: env.dataDir,
    modelsDir: env.modelsDir,
    base: shippedBase(persona.training.size),
    personaName: persona.name,
    speaker: persona.speaker,
    timezone: persona.timezone,
    reviewRequired: persona.review === 'required',
    redaction: redactionOf(persona),
    people: {
      data: (personId) => {
        const { file } = myData(store, personId, null, Date.now());
        return { name: file.name, content: file.content.toString() };
      },
      notice: (hash) => noticeOf(context, hash),
      forget: async (personId) => {
        await commands.run(['forget', '--id', String(personId), '--yes', '--json']);
      },
    },
    models: {
      list,
      use: async (run) => {
        await models('use', run);
      },
      rollBack: async () => {
        await models('rollback');
      },
      retrain,
    },
    playground: {
      voice: openPlayground({
        modelsDir: env.modelsDir,
        backend: env.backend,
        redaction: redactionOf(persona),
        log,
        check: async (run) => refuseUnfit(run, await list()),
      }),
      sampling: persona.sampling,
    },
    bot: botParts(store, persona, link),
    progress: () => {
      const running = store.nights.running();
      if (running === undefined) return null;
      const { phase, share, secondsLeft } = running;
      return { phase, share, secondsLeft };
    },
  };
}

/** The notice with this hash, in whichever of the persona's languages it was shown. */
function noticeOf({ env, persona }: Context, hash: string): string | undefined {
  for (const language of persona.languages) {
    const notice = consentNotice(noticesDir(env), language, { persona: persona.name });
    if (notice.hash === hash) return notice.text;
  }
  return undefined;
}

/** The same refusal as `persona models use` has. */
function refuseUnfit(run: string, runs: readonly ModelEntry[]): void {
  const entry = runs.find((each) => each.run === run);
  if (entry === undefined) throw new UserError(`There is no run ${run} any more.`, 'Reload the page.');
  if (entry.problem !== null) throw new UserError(`Run ${run}: ${entry.problem}.`, 'Choose another, or train anew.');
}
