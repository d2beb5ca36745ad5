/**
 * Before any test: what tests run is built, there is a browser (found, fetched or installed as the product does it), and there
 * is a folder in which test files leave for each other what takes long to make.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { distFile } from '../../src/util/dist.ts';
import { testBrowser } from './browser.ts';

declare module 'vitest' {
  interface ProvidedContext {
    sharedDir: string;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  if (!existsSync(distFile('scripts/persona.ts'))) throw new Error('dist/ is missing: run `npm run build` first');
  await testBrowser();
  const sharedDir = mkdtempSync(join(tmpdir(), 'persona-tests-'));
  project.provide('sharedDir', sharedDir);
  return () => rmSync(sharedDir, { recursive: true, force: true });
}
