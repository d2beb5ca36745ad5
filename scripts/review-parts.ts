/** What the review page is handed, in `persona review` and inside `persona start` alike. */
import { myData } from '../src/bot/my-data.ts';
import { isBotOn, botOff } from '../src/bot/switches.ts';
import { consentNotice } from '../src/consent/notice.ts';
import { redactionOf } from '../src/consent/redact-regions.ts';
import type { ReviewParts } from '../src/review/parts.ts';
import type { Store } from '../src/store/store.ts';
import { ExitCode, UserError } from '../src/util/errors.ts';
import { shippedBase } from './base.ts';
import { PersonaChild } from './child.ts';
import { noticesDir, type Context } from './context.ts';

export function reviewParts(context: Context, store: Store): ReviewParts {
  const { env, persona } = context;
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
      forget,
    },
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

/** The notice with this hash, in whichever of the persona's languages it was shown. */
function noticeOf({ env, persona }: Context, hash: string): string | undefined {
  for (const language of persona.languages) {
    const notice = consentNotice(noticesDir(env), language, { persona: persona.name });
    if (notice.hash === hash) return notice.text;
  }
  return undefined;
}

/**
 * In a process of its own: the rows of years take seconds, and what the models had learned of them more.
 * @throws UserError with the command's own sentence where the user can act on it
 */
async function forget(personId: number): Promise<void> {
  const { exitCode, stderr } = await new PersonaChild(true).run([
    'forget',
    '--id',
    String(personId),
    '--yes',
    '--json',
  ]);
  if (exitCode === ExitCode.ok) return;
  const [first = '', hint = ''] = stderr.trim().split('\n').slice(-2);
  if (exitCode === ExitCode.user || exitCode === ExitCode.busy) {
    throw new UserError(first.replace(/^persona: /, ''), hint.replace(/^ *-> /, ''));
  }
  throw new Error(`persona forget ended with code ${String(exitCode)}`);
}
