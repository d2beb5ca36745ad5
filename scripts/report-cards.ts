/** While the bot runs, report cards follow the store: a message that is gone or changed is shown in none for long. */
import { setInterval } from 'node:timers';
import { cardName } from '../src/nightly/report/card.ts';
import { withholdStale } from '../src/nightly/report/exchanges.ts';
import { personaAlias } from '../src/store/import.ts';
import type { Store } from '../src/store/store.ts';
import type { Logger } from '../src/util/log.ts';
import type { Context } from './context.ts';

/** A few cards with some fifty rows each: looked up in milliseconds. */
const everyMs = 20_000;

/** @returns ends it */
export function keepCardsTrue({ env, persona }: Context, store: Store, log: Logger): () => void {
  const look = (): void => {
    try {
      const personaId = store.people.resolve([personaAlias(persona.speaker)]);
      const runs = withholdStale(env.modelsDir, cardName, (rowIds) => store.messages.context(rowIds, personaId));
      if (runs.length > 0) log.info({ runs }, 'report cards: messages that were taken back are shown no more');
    } catch (error) {
      log.warn({ err: error }, 'the report cards could not be looked through');
    }
  };
  const timer = setInterval(look, everyMs);
  look();
  return () => clearInterval(timer);
}
