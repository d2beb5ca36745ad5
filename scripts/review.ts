/**
 * `persona review`: the page on which people see, correct and own what was collected. Prints a link that works once. Where
 * the page is served already, by another `persona review` or by `persona start`, it only prints another link to it.
 */
import type { Command } from 'commander';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { newLinkToken } from '../src/review/sessions.ts';
import { openReview, reviewLink, type ReviewServer } from '../src/review/server.ts';
import { acquireLock, type Lock } from '../src/store/lock.ts';
import type { Store } from '../src/store/store.ts';
import { ExitCode, UserError } from '../src/util/errors.ts';
import { createLog, type Logger } from '../src/util/log.ts';
import { loadContext, printJson, withStore, type Context } from './context.ts';
import { openCommands } from './persona-command.ts';
import { RetrainChild } from './retrain-child.ts';
import { reviewParts, type RunningParts } from './review-parts.ts';

const portKey = 'review.port';

export function register(program: Command): void {
  program
    .command('review')
    .description('open the review page on this machine: see, correct, own what was collected')
    .option('--json', 'print the link as JSON only')
    .action(review);
}

async function review({ json = false }: { json?: boolean }): Promise<void> {
  setFlagsFromString('--optimize-for-size'); // else garbage of a few requests stands for a hundred megabytes
  const context = loadContext();
  const log = createLog(context.env.logLevel, process.stderr.isTTY === true);
  const say = (link: string, rest: string): void => {
    if (json) printJson({ link });
    else console.log(`${link}\n${rest}`);
  };
  await withStore(context.env.dataDir, async (store) => {
    const commands = openCommands();
    const training = new RetrainChild(log, { onProgress: () => undefined, onVerdict: () => undefined });
    const retrain = (): 'started' | 'running' => {
      if (training.isRunning) return 'running';
      training.run().catch((error: unknown) => log.error({ err: error }, 'the training could not be started'));
      return 'started';
    };
    const page = await serveReview({ context, store, log, commands, retrain });
    if (page === undefined) {
      const link = reviewLink(runningPort(store), newLinkToken(store.settings, Date.now()));
      return say(link, 'The page runs already. This link works once, within the hour.');
    }
    say(
      page.link(),
      'Open this link in a browser on this machine: it works once, within the hour. Ctrl+C ends the page.',
    );
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
    await Promise.all([page.close(), commands.close(), training.close()]);
  });
}

export interface ReviewWork extends RunningParts {
  context: Context;
  store: Store;
  log: Logger;
}

/** Serve the page, unless another process of this DATA_DIR does: then undefined. */
export async function serveReview({ context, store, log, ...doing }: ReviewWork): Promise<ReviewServer | undefined> {
  let lock: Lock;
  try {
    lock = acquireLock(context.env.dataDir, 'review');
  } catch (error) {
    if (error instanceof UserError && error.exitCode === ExitCode.busy) return undefined;
    throw error;
  }
  try {
    const parts = reviewParts(context, store, { ...doing, log });
    const server = await openReview(parts, { port: context.env.reviewPort, log });
    store.settings.set(portKey, String(server.port));
    return {
      ...server,
      close: async () => {
        await server.close();
        await parts.playground.voice.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Inside a program that has more to do: what keeps the page from being served is said, and stops nothing. */
export async function serveReviewBeside(work: ReviewWork): Promise<ReviewServer | undefined> {
  try {
    const page = await serveReview(work);
    if (page !== undefined) work.log.info({ port: page.port }, 'review page: `npm run review` prints a link to it');
    return page;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    work.log.warn({ hint: error.hint }, `no review page: ${error.message}`);
    return undefined;
  }
}

function runningPort(store: Store): number {
  const port = Number(store.settings.get(portKey));
  if (Number.isInteger(port) && port > 0) return port;
  throw new UserError('The review page is just being opened by another process.', 'Try again in a moment.');
}
