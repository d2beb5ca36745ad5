/** Faults of the machine that the user can act on (disk, rights, network), told in one line with the remedy. */
import { isAbsolute, relative } from 'node:path';
import { explainSqlite } from '../src/store/sqlite-errors.ts';
import { errorCode, UserError } from '../src/util/errors.ts';

/** The same error, or a UserError that says what to do about it. */
export function explainFault(error: unknown): unknown {
  if (error instanceof UserError) return error;
  if (error instanceof Error && error.name === 'ExitPromptError') {
    return new UserError('stopped at a question; nothing was written', 'run the command again when you like');
  }
  const fromSqlite = explainSqlite(error);
  if (fromSqlite instanceof UserError) return fromSqlite;
  const where = pathOf(error);
  switch (errorCode(error)) {
    case 'ENOSPC':
      return new UserError(
        `no space left on the disk${where}`,
        'free some space and run the command again; nothing was lost',
        { cause: error },
      );
    case 'EACCES':
    case 'EPERM':
      return new UserError(
        `not allowed to open${where || ' a file'}`,
        'run as the user that owns the folder, or correct its rights',
        { cause: error },
      );
    case 'EROFS':
      return new UserError(
        `the disk is read-only${where}`,
        'set DATA_DIR and MODELS_DIR to a folder that can be written',
        { cause: error },
      );
    default:
      return error;
  }
}

function pathOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('path' in error) || typeof error.path !== 'string') return '';
  const near = relative(process.cwd(), error.path);
  return ` (${near.startsWith('..') || isAbsolute(near) ? error.path : near})`;
}
