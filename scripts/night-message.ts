/** Tells the owner how a night went, once, in the owner's own chat; a night that was skipped is not worth a message. */
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { runDir } from '../src/checkpoint/save.ts';
import { phrases } from '../src/consent/notice.ts';
import { cardName } from '../src/nightly/report/card.ts';
import { ownerMessage } from '../src/nightly/report/message.ts';
import type { Store } from '../src/store/store.ts';
import type { Verdict } from '../src/types.ts';
import type { Logger } from '../src/util/log.ts';
import { noticesDir, type Context } from './context.ts';

export interface NightMessage {
  onVerdict: (verdict: Verdict | 'failed') => void;
  /** WhatsApp is there (again): what could not be said is tried once more. */
  onReady: () => void;
}

export interface NightMessageOptions {
  context: Context;
  store: Store;
  log: Logger;
  tell: (text: string) => Promise<boolean>;
}

export function nightMessage({ context: { env, persona }, store, log, tell }: NightMessageOptions): NightMessage {
  let waiting: string | undefined;

  const send = async (): Promise<void> => {
    const text = waiting;
    waiting = undefined; // at most once at a time
    if (text !== undefined && !(await tell(text))) waiting = text;
  };
  const contain = (work: () => Promise<void>): void => {
    work().catch((error: unknown) => log.warn({ err: error }, 'the owner could not be told of the night'));
  };
  const compose = (): string | undefined => {
    const night = store.runs.latest();
    if (night === undefined) return undefined;
    const card = join(runDir(env.modelsDir, night.id), cardName);
    const sentences = phrases(noticesDir(env), persona.languages[0] ?? 'en');
    const reportFile = existsSync(card) ? relative(process.cwd(), card) : undefined;
    return ownerMessage(night, sentences, { personaName: persona.name, reportFile });
  };
  return {
    onVerdict: (verdict) => {
      if (verdict !== 'promoted' && verdict !== 'kept') return;
      contain(async () => {
        waiting = compose();
        await send();
      });
    },
    onReady: () => contain(send),
  };
}
