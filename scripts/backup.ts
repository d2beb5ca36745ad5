/** `persona backup`: copies of the database made, checked and brought back. */
import { relative } from 'node:path';
import type { Command } from 'commander';
import { createBackup, findBackup, listBackups, verifyBackup } from '../src/store/backup.ts';
import type { VerifiedBackup } from '../src/store/backup.ts';
import { restoreBackup } from '../src/store/restore.ts';
import { ExitCode, UserError } from '../src/util/errors.ts';
import { loadContext, printJson } from './context.ts';

export function register(program: Command): void {
  const backup = program.command('backup').description('copies of the database: create, verify, restore');
  backup
    .command('create')
    .description('make a copy in data/backups and remove those older than a week')
    .option('--json', 'print JSON only')
    .action(create);
  backup
    .command('verify')
    .description('read a copy from end to end; without FILE, every copy in data/backups')
    .argument('[file]', 'a path, or a name in data/backups')
    .option('--json', 'print JSON only')
    .action(verify);
  backup
    .command('restore')
    .description('put a copy in the place of the database; what people said since stays said')
    .argument('<file>', 'a path, or a name in data/backups')
    .option('--without-ledger', 'also where nobody can read what was said since; switches everything off')
    .option('--json', 'print JSON only')
    .action(restore);
}

async function create(flags: { json?: boolean }): Promise<void> {
  const { env } = loadContext();
  const made = await createBackup(env.dataDir, Date.now());
  if (flags.json === true) printJson(made);
  else console.log(`Backed up: ${describe(made)}`);
}

function verify(file: string | undefined, flags: { json?: boolean }): void {
  const { env } = loadContext();
  const paths = file === undefined ? copiesIn(env.dataDir) : [findBackup(env.dataDir, file)];
  const results = paths.map(check);
  if (flags.json === true) printJson(results);
  else for (const { path, verified, error } of results) console.log(line(path, verified, error));
  if (results.some(({ error }) => error !== undefined)) process.exitCode = ExitCode.user;
}

function copiesIn(dataDir: string): string[] {
  const paths = listBackups(dataDir)
    .filter(({ kind }) => kind !== 'damaged')
    .map(({ path }) => path);
  if (paths.length === 0) {
    throw new UserError('there is no copy yet', 'run `persona backup create`; `persona start` makes one every night');
  }
  return paths;
}

interface Checked {
  path: string;
  verified?: VerifiedBackup;
  error?: string;
}

function check(path: string): Checked {
  try {
    return { path, verified: verifyBackup(path) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { path, error: error.message };
  }
}

function line(path: string, verified: VerifiedBackup | undefined, error: string | undefined): string {
  return verified === undefined ? `DAMAGED  ${error ?? path}` : `ok       ${describe(verified)}`;
}

async function restore(file: string, flags: { withoutLedger?: boolean; json?: boolean }): Promise<void> {
  const { env } = loadContext();
  const withoutLedger = flags.withoutLedger === true;
  const done = await restoreBackup({ dataDir: env.dataDir, file, nowMs: Date.now(), withoutLedger });
  if (flags.json === true) return printJson(done);
  const { from, kept, reconciled } = done;
  console.log(`Restored: ${describe(from)}`);
  if (reconciled !== null) {
    console.log(
      `  said since and kept: ${reconciled.consentEvents} lines of the consent ledger, ` +
        `${reconciled.forgotten} people forgotten, ${reconciled.messages} messages deleted or edited`,
    );
  } else if (withoutLedger) console.log('  collecting and replies are off in every chat: switch them on again in each');
  if (kept !== null) console.log(`  what was there before: ${near(kept)} (removed after a week)`);
  console.log(
    '  `persona start` reads the chats again from that time on; `persona retrain` trains on what is there now',
  );
}

function describe({ path, messages, people, bytes, isHashKnown }: VerifiedBackup): string {
  const size = `${(bytes / 1_048_576).toLocaleString('en', { maximumFractionDigits: 1 })} MB`;
  const hash = isHashKnown ? '' : ', no hash in its name';
  return `${near(path)}: ${messages.toLocaleString('en')} messages, ${people} people, ${size}${hash}`;
}

function near(path: string): string {
  const found = relative(process.cwd(), path);
  return found.startsWith('..') ? path : found;
}
