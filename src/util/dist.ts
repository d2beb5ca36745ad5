/** Where compiled code lies. Workers and child processes run dist/, also when the caller runs from source under a test. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check } from './errors.ts';

/** The folder that holds package.json. */
export const projectRoot: string = (() => {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    check(dirname(folder) !== folder, `no package.json above ${fileURLToPath(import.meta.url)}`);
    folder = dirname(folder);
  }
  return folder;
})();

/** Absolute path of a compiled file, named as in the source tree: `distFile('src/reply/worker.ts')`. */
export function distFile(source: string): string {
  return join(projectRoot, 'dist', source.replace(/\.ts$/, '.js'));
}
