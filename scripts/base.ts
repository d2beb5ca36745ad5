/** Which model a retrain starts from: the one asked for, or the one that ships for the size, or none. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { manifestName } from '../src/checkpoint/manifest.ts';
import type { ModelSize } from '../src/types.ts';
import { projectRoot } from '../src/util/dist.ts';
import { UserError } from '../src/util/errors.ts';

/** The folder of the base that ships for a size; undefined where there is none. */
export function shippedBase(size: ModelSize): string | undefined {
  const dir = join(projectRoot, 'models', 'base', size);
  return existsSync(join(dir, manifestName)) ? dir : undefined;
}

/**
 * The part of a retrain's options that says where it starts. What ships is used where it reads the chat's language; a folder
 * that was asked for is used in any case.
 * @throws UserError when both flags are given
 */
export function chooseBase(
  flags: { base?: string; fromScratch?: boolean },
  size: ModelSize,
): { base?: string; baseMustFit?: boolean } {
  if (flags.base !== undefined && flags.fromScratch === true) {
    throw new UserError('--base and --from-scratch exclude each other', 'give one of them');
  }
  if (flags.base !== undefined) return { base: resolve(flags.base) };
  const shipped = flags.fromScratch === true ? undefined : shippedBase(size);
  return shipped === undefined ? {} : { base: shipped, baseMustFit: true };
}
