/** What the review page is handed, in `persona review` and inside `persona start` alike. */
import { myData } from '../src/bot/my-data.ts';
import { isBotOn, botOff, quietHoursIn } from '../src/bot/switches.ts';
import { consentNotice } from '../src/consent/notice.ts';
import { redactionOf } from '../src/consent/redact-regions.ts';
import type { ReviewParts } from '../src/review/parts.ts';
import type { Store } from '../src/store/store.ts';
import type { ModelEntry } from '../src/nightly/models.ts';
import { shippedBase } from './base.ts';
import { noticesDir, type Context } from './context.ts';
import { heartbeatKey } from './monitor.ts';
import type { PersonaCommands } from './persona-command.ts';

/** a heartbeat is written every few seconds */
const aliveMs = 60_000;

/** @param retrain begins a training as the running program does; in `persona review` alone it is a command of its own */
export function reviewParts(
  context: Context,
  store: Store,
  { commands, retrain }: { commands: PersonaCommands; retrain: () => 'started' | 'running' },
): ReviewParts {
  const { env, persona } = context;
  const models = (...args: string[]): Promise<string> => commands.run(['models', ...args, '--json']);
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
      list: async () => JSON.parse(await models('list')) as ModelEntry[],
      use: async (run) => {
        await models('use', run);
      },
      rollBack: async () => {
        await models('rollback');
      },
      retrain,
    },
    bot: {
      isOn: (chatId) => isBotOn(store, chatId),
      off: (chatId) => botOff(store, chatId),
      quietHours: (chatId) => quietHoursIn(store, persona, chatId),
      caps: persona.replies.caps,
      isRunning: () => Date.now() - Number(store.settings.get(heartbeatKey) ?? 0) < aliveMs,
    },
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
