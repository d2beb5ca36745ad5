/**
 * `persona start`: pairs with WhatsApp, collects what was agreed to, answers where it was switched on, retrains and backs
 * up at night. Runs until SIGTERM or SIGINT and then stops cleanly; works from environment variables alone.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { Cron } from 'croner';
import qrcode from 'qrcode-terminal';
import { createBot } from '../src/bot/bot.ts';
import type { Bot } from '../src/bot/bot.ts';
import { currentFile } from '../src/checkpoint/current.ts';
import { redactionOf } from '../src/consent/redact-regions.ts';
import { createLink, type LinkKeeper } from '../src/review/link.ts';
import { keepBallast } from '../src/store/ballast.ts';
import { acquireLock } from '../src/store/lock.ts';
import { openStore } from '../src/store/store.ts';
import { ensureBrowser } from '../src/whatsapp/browser.ts';
import { openWhatsApp } from '../src/whatsapp/client.ts';
import type { WhatsAppClient, WhatsAppEvents } from '../src/whatsapp/client.ts';
import { createLog } from '../src/util/log.ts';
import type { Logger } from '../src/util/log.ts';
import { createRandom } from '../src/util/random.ts';
import { chatHost } from './chat-host.ts';
import { browserCacheDir, loadContext, noticesDir, openServingVoice } from './context.ts';
import type { Context } from './context.ts';
import { openScreen } from './live-screen.ts';
import type { Screen } from './live-screen.ts';
import { openMonitor } from './monitor.ts';
import type { Monitor } from './monitor.ts';
import { nightMessage, type NightMessage } from './night-message.ts';
import { keepCardsTrue } from './report-cards.ts';
import { scheduleNights } from './nights.ts';
import type { Nights } from './nights.ts';
import { openCommands } from './persona-command.ts';
import { serveReviewBeside } from './review.ts';

/** Every hour. */
const sweepPattern = '17 * * * *';

/** What is closed in the reverse of the order in which it was opened. */
type Closing = (() => Promise<void> | void)[];

interface Shown {
  log: Logger;
  screen: Screen;
  /** where warnings go once there is a monitor */
  listener: { problem?: (sentence: string) => void };
}

export function register(program: Command): void {
  program
    .command('start')
    .description('run the bot: pair with WhatsApp, collect with consent, answer, retrain and back up at night')
    .action(start);
}

async function start(): Promise<void> {
  const context = loadContext();
  const { env } = context;
  const shown = openShown(context);
  const closing: Closing = [() => shown.screen.close()];
  try {
    const lock = acquireLock(env.dataDir, 'start');
    closing.push(() => {
      lock.release();
      shown.log.info('stopped');
    });
    keepBallast(env.dataDir);
    await run(context, shown, closing);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** On a terminal the log's lines stand above the screen; elsewhere they are JSON on stderr. */
function openShown({ env }: Context): Shown {
  const isLogRead = process.stderr.isTTY === true;
  const screen = openScreen(process.stdout, process.stdout.isTTY === true || isLogRead, process.env['TERM'] !== 'dumb');
  const listener: Shown['listener'] = {};
  const log = createLog(env.logLevel, isLogRead, {
    ...(process.stdout.isTTY === true && { print: (line: string) => screen.print(line) }),
    onProblem: (sentence) => listener.problem?.(sentence),
  });
  return { log, screen, listener };
}

async function run(context: Context, { log, screen, listener }: Shown, closing: Closing): Promise<void> {
  const { env, persona } = context;
  const store = openStore(env.dataDir);
  closing.push(() => store.close());
  const executablePath = await ensureBrowser({
    chromePath: env.chromePath,
    cacheDir: browserCacheDir,
    allowApt: process.env['PERSONA_NO_APT'] !== '1',
    say: (line) => void process.stderr.write(`${line}\n`),
  });
  const voice = openServingVoice(env, log, persona);
  closing.push(() => voice.close());

  const stopped = untilStopped();
  const parts: { client?: WhatsAppClient; nights?: Nights; teller?: NightMessage } = {};
  const connected = (): WhatsAppClient => {
    if (parts.client === undefined) throw new Error('WhatsApp is not connected yet');
    return parts.client;
  };
  const monitor = await openMonitor({
    context,
    store,
    log,
    screen,
    probe: async () => connected().probe(),
    browserBytes: () => parts.client?.browserBytes(),
    nights: () => parts.nights,
  });
  closing.push(() => monitor.close());
  listener.problem = monitor.problem;
  parts.nights = scheduleNights({
    dataDir: env.dataDir,
    retrainCron: env.retrainCron,
    timezone: persona.timezone,
    log,
    listener: {
      ...monitor.night,
      onVerdict: (verdict, reason) => {
        monitor.night.onVerdict(verdict, reason);
        parts.teller?.onVerdict(verdict);
      },
    },
    lastProbe: () => store.nights.latestProbe()?.atMs,
  });
  const { nights } = parts;
  closing.push(() => nights.close());

  const commands = chatHost({ client: connected, nights: () => nights, log });
  const bot = createBot({
    store,
    log,
    now: Date.now,
    random: createRandom(Date.now()),
    settings: {
      personaName: persona.name,
      language: persona.languages[0] ?? 'en',
      speaker: persona.speaker,
      timezone: persona.timezone,
      ownerNumbers: env.ownerNumbers,
      replies: persona.replies,
      sampling: persona.sampling,
      redaction: redactionOf(persona),
      noticesDir: noticesDir(env),
    },
    send: (chatId, text, options) => connected().send(chatId, text, options),
    setTyping: (chatId, typing) => connected().setTyping(chatId, typing),
    aliases: (id) => connected().aliases(id),
    speak: (request) => voice.speak(request),
    hasRun: () => existsSync(currentFile(env.modelsDir)),
    observe: monitor.observer,
    ...commands.host,
  });
  parts.teller = nightMessage({ context, store, log, tell: (text) => bot.tellOwner(text) });
  closing.push(() => bot.close());
  closing.push(() => commands.close());

  const own = openCommands();
  const link = createLink(Date.now);
  const review = await serveReviewBeside({
    context,
    store,
    log,
    commands: own,
    retrain: () => nights.retrainNow(),
    link: () => link.now(),
  });
  closing.push(() => Promise.all([review?.close(), own.close()]).then(() => undefined));

  parts.client = await openWhatsApp({
    sessionDir: join(env.dataDir, 'session'),
    browser: { executablePath, args: env.chromeArgs },
    log,
    isUnattended: process.env['NOTIFY_SOCKET'] !== undefined, // systemd may start it before the network is there
    ...(env.pairingNumber !== undefined && { pairingNumber: env.pairingNumber }),
    ...(env.memoryLimitMb !== 'off' && { memoryLimit: env.memoryLimitMb * 1024 * 1024 }),
    settled: () => bot.settled(),
    events: wire(bot, { log, screen, monitor, link, teller: parts.teller }, connected, (error) => stopped.end(error)),
  });
  closing.push(() => connected().close());

  // WhatsApp Web announces nothing that arrived while the connection was away: it is looked for at times
  closing.push(keepCardsTrue(context, store, log));
  const sweep = new Cron(sweepPattern, { protect: true }, () => catchUp(bot, connected));
  closing.push(() => sweep.stop());
  closing.push(() => monitor.stopping());
  await stopped.promise;
}

/** Who is told of WhatsApp's events beside the bot. */
interface Told {
  log: Logger;
  screen: Screen;
  monitor: Monitor;
  link: LinkKeeper;
  teller: NightMessage;
}

/** WhatsApp's events to the bot. The bot catches its own faults; what still escapes is logged, without text. */
function wire(
  bot: Bot,
  { log, screen, monitor, link, teller }: Told,
  client: () => WhatsAppClient,
  end: (error: Error) => void,
): WhatsAppEvents {
  const contain = (work: Promise<void>): void => {
    work.catch((error: unknown) => log.error({ err: error }, 'an event could not be handled'));
  };
  return {
    onQr: (qr) => {
      link.onQr(qr);
      qrcode.generate(qr, { small: true }, (drawn) => screen.qr(drawn));
    },
    onCode: (code) => {
      link.onCode(code);
      screen.code(code);
    },
    onReady: (account) => {
      log.info('ready');
      bot.onReady(account);
      teller.onReady();
      contain(catchUp(bot, client));
    },
    onMessage: (message) => contain(bot.onMessage(message)),
    onEdit: (chatId, id, text, atMs) => contain(bot.onEdit(chatId, id, text, atMs)),
    onRevoke: (chatId, id) => contain(bot.onRevoke(chatId, id)),
    onReaction: (reaction) => contain(bot.onReaction(reaction)),
    onState: (state) => {
      log.info({ state }, 'WhatsApp');
      link.onState(state);
      monitor.onState(state);
    },
    onBackOff: monitor.onBackOff,
    onFatal: end,
  };
}

function catchUp(bot: Bot, client: () => WhatsAppClient): Promise<void> {
  return bot.catchUp((chatId, sinceMs) => client().fetchSince(chatId, sinceMs));
}

/** Resolves on SIGTERM, SIGINT or a closed terminal (the session is written on the way out), rejects when WhatsApp ended for good. */
function untilStopped(): { promise: Promise<void>; end: (error: Error) => void } {
  let end: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((resolve, reject) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
    process.once('SIGHUP', () => resolve());
    end = reject;
  });
  promise.catch(() => undefined); // awaited later; a fatal state may come before that
  return { promise, end };
}
