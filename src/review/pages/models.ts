/** Models: the runs with their report cards, which one speaks, choosing another, training now. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { html } from 'hono/html';
import { z } from 'zod';
import { runDir } from '../../checkpoint/save.ts';
import type { ModelEntry } from '../../nightly/models.ts';
import { cardName, curveName } from '../../nightly/report/card.ts';
import { parsed } from '../input.ts';
import { page, type Html } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';

/** As `runId` of src/nightly makes them, and as `persona models add` names what came from elsewhere. */
const runName = /^[\w-]{1,80}$/;
const useBody = z.strictObject({ run: z.string().regex(runName) });
const verdicts = { promoted: 'promoted', kept: 'not promoted', skipped: 'skipped' } as const;

export function addModels(app: App, { models, modelsDir, timezone }: ReviewParts): void {
  const dayOf = (iso: string | null): string =>
    iso === null
      ? ''
      : new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: timezone }).format(
          new Date(iso),
        );
  /** The folder of a run, where there is one: no other path can be asked for. */
  const folderOf = (run: string): string | undefined => {
    const folder = runDir(modelsDir, run);
    return runName.test(run) && existsSync(folder) ? folder : undefined;
  };

  const row = ({ run, current, verdict, bitsPerByte, date, size, quiz, problem }: ModelEntry): Html => html`
    <tr>
      <th scope="row"><a href="/models/${run}">${run}</a></th>
      <td>${dayOf(date)}</td>
      <td>${size ?? ''}</td>
      <td>${bitsPerByte === null ? '' : bitsPerByte.toFixed(3)}</td>
      <td>${verdict === null ? '' : verdicts[verdict]}</td>
      <td>${quiz === null ? '' : `${quiz.fooled} of ${quiz.answers}`}</td>
      <td>
        ${current ? html`<strong>speaks now</strong>` : ''}
        ${problem === null ? '' : html`<span class="warn">${problem}</span>`}
        ${
          current || problem !== null
            ? ''
            : html`<button type="button" data-post="/api/models/use" data-body="${JSON.stringify({ run })}">
                Let it speak
              </button>`
        }
      </td>
    </tr>
  `;

  app.get('/models', async (c) => {
    const runs = await models.list();
    const canGoBack = runs.some(({ served }) => served);
    return c.html(
      page(
        { title: 'Models', place: '/models' },
        html`<h1>Models</h1>
          <p>
            Every night a new model learns from what is stored, and speaks from then on if it is no worse than the one
            before.
          </p>
          <p>
            <button type="button" class="primary" data-post="/api/models/retrain">Train now</button>
            ${
              canGoBack
                ? html`<button type="button" data-post="/api/models/rollback">Back to the one before</button>`
                : ''
            }
          </p>
          ${
            runs.length === 0
              ? html`<p>There is no model yet. Training makes the first.</p>`
              : html`<div class="wide" tabindex="0" role="region" aria-label="Runs">
                  <table>
                    <caption>
                      Newest first. Bits per byte: how well it predicts messages it never saw; less is better.
                    </caption>
                    <thead>
                      <tr>
                        <th scope="col">Run</th>
                        <th scope="col">Trained</th>
                        <th scope="col">Size</th>
                        <th scope="col">Bits per byte</th>
                        <th scope="col">Verdict</th>
                        <th scope="col">Taken for the person</th>
                        <th scope="col"></th>
                      </tr>
                    </thead>
                    <tbody>
                      ${runs.map(row)}
                    </tbody>
                  </table>
                </div>`
          }`,
      ),
    );
  });

  app.get('/models/:run', (c) => {
    const run = c.req.param('run');
    const folder = folderOf(run);
    if (folder === undefined) return c.notFound();
    const card = join(folder, cardName);
    return c.html(
      page(
        { title: `Run ${run}`, place: '/models' },
        html`<p><a href="/models">All runs</a></p>
          <h1>Run ${run}</h1>
          ${
            existsSync(join(folder, curveName))
              ? html`<img
                  class="curve"
                  src="/models/${run}/curve.svg"
                  alt="Training curve: the report card has its figures"
                />`
              : ''
          }
          ${
            existsSync(card)
              ? html`<pre class="card" dir="auto" tabindex="0" aria-label="Report card">
${readFileSync(card, 'utf8')}</pre>`
              : html`<p>This run has no report card.</p>`
          }`,
      ),
    );
  });
  app.get('/models/:run/curve.svg', (c) => {
    const folder = folderOf(c.req.param('run'));
    const file = folder === undefined ? undefined : join(folder, curveName);
    if (file === undefined || !existsSync(file)) return c.notFound();
    return c.body(readFileSync(file, 'utf8'), 200, { 'Content-Type': 'image/svg+xml' });
  });

  app.post('/api/models/use', async (c) => {
    const { run } = await parsed(c, useBody);
    await models.use(run);
    return c.json({});
  });
  app.post('/api/models/rollback', async (c) => {
    await models.rollBack();
    return c.json({});
  });
  app.post('/api/models/retrain', (c) => c.json({ training: models.retrain() }));
}
