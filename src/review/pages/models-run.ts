/** One run: its training curve and its report card. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { html } from 'hono/html';
import { runDir } from '../../checkpoint/save.ts';
import { cardName, curveName } from '../../nightly/report/card.ts';
import { parseCard } from '../card-markdown.ts';
import { cardView } from '../card-view.ts';
import type { Curve } from '../client/models-types.ts';
import { curveOf } from '../curve.ts';
import { page, type Html } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';

/** As `runId` of src/nightly makes them, and as `persona models add` names what came from elsewhere. */
export const runName = /^[\w-]{1,80}$/;

/** The folder of a run, where there is one: no other path can be asked for. */
export function runFolder(modelsDir: string, run: string): string | undefined {
  if (!runName.test(run)) return undefined;
  const folder = runDir(modelsDir, run);
  return existsSync(folder) ? folder : undefined;
}

/** What a run's card says, as it is now; undefined: it has none. */
export function cardOf(folder: string): string | undefined {
  const file = join(folder, cardName);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

export function addRun(app: App, { modelsDir }: ReviewParts): void {
  app.get('/models/:run', (c) => {
    const run = c.req.param('run');
    const folder = runFolder(modelsDir, run);
    if (folder === undefined) return c.notFound();
    const card = cardOf(folder);
    const curve = curveOf(folder);
    const hasPicture = existsSync(join(folder, curveName));
    return c.html(
      page(
        { title: `Run ${run}`, place: '/models', scripts: ['curves'], hasCharts: true },
        html`<p><a href="/models">All runs</a></p>
          <h1>Run ${run}</h1>
          ${curve === undefined && !hasPicture ? '' : curveView(run, curve, hasPicture)}
          ${card === undefined ? html`<p>This run has no report card.</p>` : cardView(parseCard(card))}`,
      ),
    );
  });
  app.get('/models/:run/curve.svg', (c) => {
    const folder = runFolder(modelsDir, c.req.param('run'));
    const file = folder === undefined ? undefined : join(folder, curveName);
    if (file === undefined || !existsSync(file)) return c.notFound();
    return c.body(readFileSync(file, 'utf8'), 200, { 'Content-Type': 'image/svg+xml' });
  });
}

/** Which line is which; the words say it without the colours. */
export function curveLegend(): Html {
  return html`<span class="swatch training" aria-hidden="true"></span> training (full line)
    <span class="swatch validation" aria-hidden="true"></span> validation (dashed, with dots): loss in nats a token,
    less is better.`;
}

/** The picture that was made with the run, drawn anew by client/curves.ts, and the validations as a table. */
function curveView(run: string, curve: Curve | undefined, hasPicture: boolean): Html {
  const data = curve === undefined ? '' : html`data-curve="${JSON.stringify(curve)}"`;
  const validations = (curve?.steps ?? []).flatMap((step, at) => {
    const nats = curve?.validation[at] ?? null;
    return nats === null ? [] : [{ step, nats, training: curve?.training[at] ?? null }];
  });
  return html`<figure class="curve" ${data}>
      <figcaption>${curveLegend()}</figcaption>
      <div class="plot" hidden></div>
      ${hasPicture ? html`<img src="/models/${run}/curve.svg" alt="Training curve; the table below has its numbers" />` : ''}
    </figure>
    ${
      validations.length === 0
        ? ''
        : html`<details class="numbers">
            <summary>The curve in numbers</summary>
            <div class="wide" tabindex="0" role="region" aria-label="The curve in numbers">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Step</th>
                    <th scope="col">Validation</th>
                    <th scope="col">Training</th>
                  </tr>
                </thead>
                <tbody>
                  ${validations.map(
                    ({ step, nats, training }) =>
                      html`<tr>
                        <td class="number">${step}</td>
                        <td class="number">${nats.toFixed(3)}</td>
                        <td class="number">${training === null ? '' : training.toFixed(3)}</td>
                      </tr>`,
                  )}
                </tbody>
              </table>
            </div>
          </details>`
    }`;
}
