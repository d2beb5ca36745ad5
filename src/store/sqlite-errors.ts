/** SQLite's failures in words for whoever can act on them. Used where errors are shown: scripts, chat and web handlers. */
import { errorCode, UserError } from '../util/errors.ts';

/**
 * What the user can do about a failure of the database, or undefined where it is our own fault (a wrong statement, a
 * broken constraint): such an error keeps its stack.
 * @param file the database, as the message should name it
 */
export function explainSqlite(error: unknown, file = 'the database'): UserError | undefined {
  if (error instanceof UserError) return error;
  const code = errorCode(error);
  if (code === undefined || !code.startsWith('SQLITE_')) return undefined;
  const because = (message: string, hint: string): UserError => new UserError(message, hint, { cause: error });
  if (code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE') {
    return because(
      `The disk is full: ${file} cannot be written.`,
      'Free some space on that disk and try again; nothing stored is lost.',
    );
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return because(
      `${file} is damaged. It was left as it is.`,
      'Move the file away, and put a copy from data/backups or of your own in its place.',
    );
  }
  if (code.startsWith('SQLITE_READONLY')) {
    return because(`${file} is read-only.`, 'Make the file and its folder writable for this user, or move DATA_DIR.');
  }
  if (code.startsWith('SQLITE_CANTOPEN') || code === 'SQLITE_PERM' || code === 'SQLITE_AUTH') {
    return because(`${file} cannot be opened.`, 'Check that the folder of DATA_DIR exists and belongs to this user.');
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return because(`${file} is in use by another command.`, 'Wait until the other command is done and try again.');
  }
  if (code.startsWith('SQLITE_IOERR')) {
    return because(
      `The disk reported an error for ${file} (${code}).`,
      'Check the disk, then restore a backup if needed.',
    );
  }
  return undefined;
}
