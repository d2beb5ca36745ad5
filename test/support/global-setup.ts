/** Before any test: what tests run is built, and there is a browser (found, fetched or installed as the product does it). */
import { existsSync } from 'node:fs';
import { distFile } from '../../src/util/dist.ts';
import { testBrowser } from './browser.ts';

export default async function setup(): Promise<void> {
  if (!existsSync(distFile('scripts/persona.ts'))) throw new Error('dist/ is missing: run `npm run build` first');
  await testBrowser();
}
