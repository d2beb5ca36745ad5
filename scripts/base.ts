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

/** @throws UserError when both flags are given */
export function chooseBase(flags: { base?: string; fromScratch?: boolean }, size: ModelSize): string | undefined {
  if (flags.base !== undefined && flags.fromScratch === true) {
    throw new UserError('--base and --from-scratch exclude each other', 'give one of them');
  }
  if (flags.fromScratch === true) return undefined;
  return flags.base === undefined ? shippedBase(size) : resolve(flags.base);
}
