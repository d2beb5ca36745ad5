/** What the review page is handed, in `persona review` and inside `persona start` alike. */
import { isBotOn, botOff } from '../src/bot/switches.ts';
import type { ReviewParts } from '../src/review/parts.ts';
import type { Store } from '../src/store/store.ts';
import type { Context } from './context.ts';

export function reviewParts({ env, persona }: Context, store: Store): ReviewParts {
  return {
    store,
    dataDir: env.dataDir,
    modelsDir: env.modelsDir,
    personaName: persona.name,
    speaker: persona.speaker,
    timezone: persona.timezone,
    bot: {
      isOn: (chatId) => isBotOn(store, chatId),
      off: (chatId) => botOff(store, chatId),
    },
    progress: () => {
      const running = store.nights.running();
      if (running === undefined) return null;
      const { phase, share, secondsLeft } = running;
      return { phase, share, secondsLeft };
    },
  };
}
