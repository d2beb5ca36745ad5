/**
 * What goes wrong with checkpoints, in words that name the file: one that is not to be trusted when read, and a disk
 * that refuses to be written.
 */
import { errorCode, UserError } from '../util/errors.ts';
import { freeBytes } from '../util/files.ts';

export class CheckpointError extends UserError {
  /** the file or folder at fault */
  readonly file: string;

  constructor(file: string, reason: string, options: { cause?: unknown } = {}) {
    super(
      `${file}: ${reason}`,
      'Train again (`persona retrain`); until then the run that served before goes on.',
      options,
    );
    this.name = 'CheckpointError';
    this.file = file;
  }
}

/**
 * Turn a refusal of the disk into a UserError; any other error comes back as it is.
 * @param doing what was being written, as in `saving run X`
 * @param folder an existing folder on the disk in question
 * @param bytes about how much was to be written
 */
export function explainWriteError(error: unknown, doing: string, folder: string, bytes: number): unknown {
  const code = errorCode(error);
  const needed = `${Math.ceil(bytes / 1e6)} MB`;
  const untouched = 'The model in use was not touched.';
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    const free = Math.floor(freeBytes(folder) / 1e6);
    const remedy = `Free at least ${needed} on the disk that holds ${folder} and run the command again. ${untouched}`;
    return new UserError(`disk full while ${doing}: it takes ${needed}, ${free} MB are free`, remedy, { cause: error });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const remedy = `Make ${folder} writable for this user, or set MODELS_DIR to another folder. ${untouched}`;
    return new UserError(`not allowed to write while ${doing} (${code})`, remedy, { cause: error });
  }
  return error;
}
