/** Models: the runs, which one speaks, choosing another, training now and how it gets on, two runs to compare. */
import { html } from 'hono/html';
import { z } from 'zod';
import type { ModelEntry } from '../../nightly/models.ts';
import type { RunningAnswer } from '../client/models-types.ts';
import { runningCurve } from '../curve.ts';
import { parsed } from '../input.ts';
import { page, type Html } from '../layout.ts';
import type { NightProgress, ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';
import { visible } from './conversations-names.ts';
import { addComparison, compareForm } from './models-compare.ts';
import { addRun, curveLegend, runName } from './models-run.ts';

const useBody = z.strictObject({ run: z.string().regex(runName) });
const verdicts = { promoted: 'promoted', kept: 'not promoted', skipped: 'skipped' } as const;

export function addModels(app: App, parts: ReviewParts): void {
  const { models, dataDir, timezone, progress } = parts;
  const dayOf = (iso: string | null): string =>
    iso === null
      ? ''
      : new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: timezone }).format(
          new Date(iso),
        );

  const row = ({ run, current, verdict, bitsPerByte, date, size, quiz, problem }: ModelEntry): Html => html`
    <tr>
      <th scope="row"><a href="/models/${encodeURIComponent(run)}">${visible(run)}</a></th>
      <td>${dayOf(date)}</td>
      <td>${size ?? ''}</td>
      <td class="number">${bitsPerByte === null ? '' : bitsPerByte.toFixed(3)}</td>
      <td>${verdict === null ? '' : verdicts[verdict]}</td>
      <td>${quiz === null ? '' : `${quiz.fooled} of ${quiz.answers}`}</td>
      <td>
        ${current ? html`<strong>speaks now</strong>` : ''}
        ${problem === null ? '' : html`<span class="warn">${visible(problem)}</span>`}
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
        { title: 'Models', place: '/models', scripts: ['models'], hasCharts: true },
        html`<h1>Models</h1>
          <p>
            Every night a new model learns from what is stored, and speaks from then on if it is no worse than the one
            before.
          </p>
          <p class="buttons">
            <button type="button" class="primary" data-post="/api/models/retrain">Train now</button>
            ${
              canGoBack
                ? html`<button type="button" data-post="/api/models/rollback">Back to the one before</button>`
                : ''
            }
          </p>
          ${trainingView(progress())}
          ${runs.length === 0 ? html`<p>There is no model yet. Training makes the first.</p>` : runsTable(runs.map(row))}
          ${runs.length < 2 ? '' : compareForm(runs)}`,
      ),
    );
  });

  app.get('/api/models/running', (c) => {
    const now = progress();
    const answer: RunningAnswer = { progress: now, curve: now === null ? null : (runningCurve(dataDir) ?? null) };
    return c.json(answer);
  });
  addComparison(app, parts);
  addRun(app, parts);

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

/** Filled by client/models.ts while a training runs. */
function trainingView(now: NightProgress | null): Html {
  const bar = now?.share ?? null;
  return html`<section id="training" aria-labelledby="training-title" ${now === null ? html`hidden` : ''}>
    <h2 id="training-title">Training now</h2>
    <progress aria-labelledby="training-title" max="1" ${bar === null ? '' : html`value="${bar}"`}></progress>
    <p id="phase">${now?.phase ?? ''}</p>
    <figure class="curve" hidden>
      <figcaption>${curveLegend()} So far, as it was saved last.</figcaption>
      <div class="plot"></div>
    </figure>
  </section>`;
}

function runsTable(rows: readonly Html[]): Html {
  return html`<div class="wide" tabindex="0" role="region" aria-label="Runs">
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
          <th scope="col">Speaks</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}
