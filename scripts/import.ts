/** `persona import FILE`: an exported chat becomes consented training data. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { ChatExport } from '../src/exports/chat-export.ts';
import { toJsonLine } from '../src/exports/jsonl.ts';
import { openExport } from '../src/exports/read.ts';
import { keepBallast } from '../src/store/ballast.ts';
import { importMessages } from '../src/store/import.ts';
import type { ImportResult } from '../src/store/import.ts';
import { errorCode, UserError } from '../src/util/errors.ts';
import { shown } from '../src/util/shown.ts';
import { loadContext, printJson, withStore } from './context.ts';
import { chooseAnswers } from './import-ask.ts';
import type { ImportOptions } from './import-ask.ts';
import { countView } from './progress.ts';
import { reportOfExport, reportOfStore, showStatistics } from './stats.ts';

export function register(program: Command): void {
  program
    .command('import')
    .description('import an exported chat: WhatsApp (.txt, .zip, folder), Telegram (result.json) or JSONL')
    .argument('[file]', 'the exported chat')
    .option('--me <name>', 'your name in the export')
    .option('--persona <name>', 'the name of the person whose voice is learned')
    .option('--i-have-consent-from <name>', 'this person agreed to be stored and trained on (repeatable)', collect, [])
    .option(
      '--link <name=person>',
      'this name is a person known already, by id, name or number (repeatable)',
      collect,
      [],
    )
    .option('--new-person <name>', 'this name is a new person, whoever else has it (repeatable)', collect, [])
    .option('--not-a-person <name>', 'nobody has this name: text that looks like a message (repeatable)', collect, [])
    .option('--timezone <zone>', 'IANA zone of the times in the export')
    .option('--date-order <order>', 'dmy, mdy or ymd, where the file leaves it open')
    .option('--yes', 'ask nothing')
    .option('--dry-run', 'parse and show, store nothing')
    .option('--stats', 'show what is in the file, or without a file in what is stored; store nothing')
    .option('--json', 'print JSON only')
    .action(runImport);
}

function collect(name: string, names: string[]): string[] {
  return [...names, name];
}

async function runImport(path: string | undefined, options: ImportOptions, command: Command): Promise<void> {
  if (path === undefined && options.stats !== true) command.error("error: missing required argument 'file'");
  const { env, persona } = loadContext();
  if (path === undefined) {
    await withStore(env.dataDir, (store) => showStatistics(reportOfStore(store, persona), options.json === true));
    return;
  }
  const file = await openExport(path, { dateOrder: parseDateOrder(options.dateOrder) });
  if (options.stats === true) {
    const personaName = options.persona ?? (persona.speaker === 'me' ? options.me : undefined);
    const report = reportOfExport(file, path, { persona, personaName, timezone: options.timezone });
    showStatistics(report, options.json === true);
    return;
  }
  if (options.json !== true) showFound(file);
  if (options.dryRun === true) {
    if (options.json === true) await printMessages(file);
    return;
  }
  await withStore(env.dataDir, async (store) => {
    const answers = await chooseAnswers(store, file, options, persona);
    const total = Object.values(file.counts).reduce((sum, count) => sum + count, 0);
    const view = countView('importing', total, options.json === true);
    const cancel = onSignal();
    let result: ImportResult;
    try {
      result = await importMessages(store, file, {
        ...answers,
        nowMs: Date.now(),
        signal: cancel.signal,
        onProgress: view.update,
      });
    } finally {
      view.stop();
      cancel.dispose();
    }
    keepBallast(env.dataDir);
    if (options.json === true) printJson(result);
    else showResult(result, persona.name);
  });
}

function parseDateOrder(order: string | undefined): 'dmy' | 'mdy' | 'ymd' | undefined {
  if (order === undefined || order === 'dmy' || order === 'mdy' || order === 'ymd') return order;
  throw new UserError(`--date-order is "${order}"`, 'write dmy (31/12), mdy (12/31) or ymd');
}

/** Ctrl-C and its kin end the import, which clears up after itself; a second time they end the process at once. */
function onSignal(): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.once(name, stop);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of names) process.off(name, stop);
    },
  };
}

/** A message a line, no faster than they are read. */
async function printMessages(file: ChatExport): Promise<void> {
  function* lines(): Generator<string> {
    let piece = '';
    for (const message of file.messages()) {
      const { ts, sender, text, kind } = message;
      piece += `${JSON.stringify(file.source === 'whatsapp' ? { ts, sender, text, kind } : toJsonLine(message))}\n`;
      if (piece.length < 65_536) continue;
      yield piece;
      piece = '';
    }
    if (piece !== '') yield piece;
  }
  try {
    await pipeline(Readable.from(lines()), process.stdout, { end: false });
  } catch (error) {
    if (errorCode(error) !== 'EPIPE') throw error; // the reader has seen enough
  }
}

function showFound(file: ChatExport): void {
  const kinds = Object.entries(file.counts).filter(([, count]) => count > 0);
  const total = kinds.reduce((sum, [, count]) => sum + count, 0);
  console.log(`${total} messages${file.span === null ? '' : ` from ${file.span.first} to ${file.span.last}`}`);
  console.log(`  ${kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')}`);
  for (const { name, messages } of file.senders) console.log(`  ${String(messages).padStart(7)}  ${shown(name)}`);
  for (const oddity of file.oddities) console.log(`  note: ${oddity}`);
}

function showResult(result: ImportResult, name: string): void {
  const { system, kind, noConsent, unconfirmed, forwarded } = result.leftOut;
  console.log(`Stored ${result.inserted} messages (${result.known} were known already).`);
  const more = [
    ...(unconfirmed > 0 ? [`, ${unconfirmed} by names that nobody confirmed`] : []),
    ...(forwarded > 0 ? [`, ${forwarded} forwarded`] : []),
  ].join('');
  console.log(
    `Left out: ${system} system lines, ${kind} calls, polls, deleted messages and contact cards, ${noConsent} without consent${more}.`,
  );
  if (result.forgotten.length > 0) {
    console.log(`Asked to be forgotten, so nothing of theirs is stored: ${result.forgotten.map(shown).join(', ')}.`);
  }
  console.log(`${name} has ${result.personaMessages} messages now. Next: npm run retrain`);
}
