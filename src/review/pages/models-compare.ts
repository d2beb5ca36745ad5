/** Two runs side by side: their figures, and what each says in the same place, the real reply above. */
import { html } from 'hono/html';
import { z } from 'zod';
import type { RetrainReport } from '../../nightly/findings.ts';
import type { ModelEntry } from '../../nightly/models.ts';
import type { CardFigures } from '../../nightly/report/card.ts';
import { exchangesOf, parseCard, type Exchange } from '../card-markdown.ts';
import { comparisonView } from '../card-view.ts';
import { asked } from '../input.ts';
import { page, type Html } from '../layout.ts';
import type { ReviewParts } from '../parts.ts';
import type { App } from '../app.ts';
import { visible } from './conversations-names.ts';
import { cardOf, runFolder, runName } from './models-run.ts';

const compareQuery = z.strictObject({ a: z.string().regex(runName), b: z.string().regex(runName) });

interface Compared {
  run: string;
  entry: ModelEntry | undefined;
  report: Partial<RetrainReport> & { card?: CardFigures };
  exchanges: Exchange[];
}

export function addComparison(app: App, { store, models, modelsDir }: ReviewParts): void {
  app.get('/models/compare', async (c) => {
    const query = asked(c, compareQuery);
    const runs = await models.list();
    const found = [query.a, query.b].map((run) => ({ run, folder: runFolder(modelsDir, run) }));
    const compared = found.flatMap(({ run, folder }): Compared[] => {
      if (folder === undefined) return [];
      const card = cardOf(folder);
      return [
        {
          run,
          entry: runs.find((entry) => entry.run === run),
          report: store.runs.get(run)?.report ?? {},
          exchanges: card === undefined ? [] : exchangesOf(parseCard(card)),
        },
      ];
    });
    const [a, b] = compared;
    if (a === undefined || b === undefined) return c.notFound();
    return c.html(
      page(
        { title: 'Compare two runs', place: '/models', scripts: ['models'] },
        html`<p><a href="/models">All runs</a></p>
          <h1>Compare two runs</h1>
          ${figuresTable([a, b])} ${exchangesView(a, b)} ${compareForm(runs, [a.run, b.run])}`,
      ),
    );
  });
}

/** What each run is known by; '' where nobody measured it. */
const figures: readonly { name: string; of: (run: Compared) => string }[] = [
  { name: 'Speaks now', of: ({ entry }) => (entry?.current === true ? 'yes' : 'no') },
  { name: 'Size', of: ({ entry }) => entry?.size ?? '' },
  { name: 'Messages it learned', of: ({ report }) => whole(report.dataset?.train.personaMessages) },
  { name: 'Bits per byte (less is better)', of: ({ entry }) => entry?.bitsPerByte?.toFixed(3) ?? '' },
  {
    name: 'Perplexity a word (less is better)',
    of: ({ report }) => whole(report.card?.heldOut?.models.run?.perplexity),
  },
  {
    name: 'Distance of manner (0 is the same)',
    of: ({ report }) => report.card?.manner?.distance.distance.toFixed(3) ?? '',
  },
  {
    name: 'A classifier tells it apart (0.50: it cannot)',
    of: ({ report }) => report.card?.manner?.twoSample?.auc.toFixed(2) ?? '',
  },
  {
    name: 'Replies that repeat themselves',
    of: ({ report }) => {
      const samples = report.gate?.samples;
      return samples === undefined || samples === null ? '' : `${(samples.repetitive * 100).toFixed(1)} %`;
    },
  },
  {
    name: 'Taken for the person in the quiz',
    of: ({ entry }) => {
      const quiz = entry?.quiz ?? null;
      return quiz === null ? '' : `${quiz.fooled} of ${quiz.answers}`;
    },
  },
];

const whole = (value: number | undefined): string =>
  value === undefined ? '' : new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 }).format(value);

function figuresTable(runs: readonly Compared[]): Html {
  return html`<div class="wide" tabindex="0" role="region" aria-label="Figures">
    <table>
      <caption>
        What was measured on messages that neither had learned. Weeks are held out as they come, so two runs may have
        been measured on different ones.
      </caption>
      <thead>
        <tr>
          <td></td>
          ${runs.map(
            ({ run }) => html`<th scope="col"><a href="/models/${encodeURIComponent(run)}">${visible(run)}</a></th>`,
          )}
        </tr>
      </thead>
      <tbody>
        ${figures.map(
          ({ name, of }) =>
            html`<tr>
              <th scope="row">${name}</th>
              ${runs
                .map(of)
                .map(
                  (figure) =>
                    html`<td class="number">
                      ${figure === '' ? html`<span class="faint">not measured</span>` : figure}
                    </td>`,
                )}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** Places that both were sampled in come first; what only one was asked stands below. */
function exchangesView(a: Compared, b: Compared): Html {
  const places = new Map<string, Exchange>(
    [...a.exchanges, ...b.exchanges].map((exchange) => [exchange.key, exchange]),
  );
  const sampledBy = (run: Compared, key: string) => run.exchanges.find((exchange) => exchange.key === key)?.sampled;
  const all = [...places.values()].map((exchange) => ({
    exchange,
    sampled: [a, b].map((run) => ({ run: run.run, content: sampledBy(run, exchange.key) })),
  }));
  const isCommon = ({ sampled }: (typeof all)[number]): boolean =>
    sampled.every(({ content }) => content !== undefined);
  const common = all.filter(isCommon);
  const view = (group: typeof all): Html[] =>
    group.map(({ exchange, sampled }, at) => comparisonView(exchange, sampled, at + 1));
  const rest = all.filter((each) => !isCommon(each));
  return html`<h2>In the same place</h2>
    ${
      common.length === 0
        ? html`<p>
            They have no place in common: each was sampled in what was held out on its night, or what was said there is
            gone.
          </p>`
        : view(common)
    }
    ${
      rest.length === 0
        ? ''
        : html`<h2>Where only one was sampled</h2>
            ${view(rest)}`
    }`;
}

/** The newest two, or whichever are chosen already. */
export function compareForm(runs: readonly ModelEntry[], chosen: readonly string[] = []): Html {
  const select = (id: 'a' | 'b', label: string, selected: string | undefined): Html =>
    html`<p class="field">
      <label for="${id}">${label}</label>
      <select id="${id}">
        ${runs.map(
          ({ run, current }) =>
            html`<option value="${run}" ${run === selected ? html`selected` : ''}>
              ${visible(run)}${current ? ' (speaks now)' : ''}
            </option>`,
        )}
      </select>
    </p>`;
  return html`<h2>Compare two</h2>
    <form id="compare" class="filters run-choice">
      ${select('a', 'This run', chosen[0] ?? runs[0]?.run)} ${select('b', 'With', chosen[1] ?? runs[1]?.run)}
      <p><button>Compare what they say</button></p>
    </form>`;
}
