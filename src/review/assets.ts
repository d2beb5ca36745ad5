/** Style sheet, scripts and the chart library: a fixed list of files, read when asked for. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { distFile, projectRoot } from '../util/dist.ts';
import type { App } from './app.ts';

const javascript = 'text/javascript; charset=utf-8';
const css = 'text/css; charset=utf-8';

/** Files by the name that stands behind /assets/. */
function assetFiles(): Map<string, { path: string; type: string }> {
  const uplot = dirname(createRequire(import.meta.url).resolve('uplot'));
  const files = new Map([
    ['style.css', { path: join(projectRoot, 'src', 'review', 'assets', 'style.css'), type: css }],
    ['uplot.css', { path: join(uplot, 'uPlot.min.css'), type: css }],
    ['uplot.js', { path: join(uplot, 'uPlot.iife.min.js'), type: javascript }],
  ]);
  const client = distFile('src/review/client');
  for (const name of readdirSync(client)) {
    if (name.endsWith('.js')) files.set(name, { path: join(client, name), type: javascript });
  }
  return files;
}

/** They hold nothing private and the page that asks for the link needs them: no session is asked for. */
export function addAssets(app: App): void {
  const files = assetFiles();
  app.get('/assets/:name', (c) => {
    const file = files.get(c.req.param('name'));
    if (file === undefined) return c.notFound();
    return c.body(readFileSync(file.path, 'utf8'), 200, { 'Content-Type': file.type });
  });
}
