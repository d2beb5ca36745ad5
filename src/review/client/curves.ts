/**
 * Loss curves with uPlot: every figure with `data-curve` gets a chart in the place of its picture. uPlot draws on a canvas and
 * sets styles through CSSOM alone, which the page's policy allows; its legend is off, the page has its own. The numbers
 * stand in a table beside it, so nothing is lost without this script.
 */
import type Plot from 'uplot';
import type { Curve } from './models-types.ts';

/** from /assets/uplot.js, which comes before this script */
const { uPlot } = globalThis as unknown as { uPlot: typeof Plot };

const height = 260;
const charts = new Map<HTMLElement, Plot>();

/** Draws, or draws anew. */
export function drawCurve(figure: HTMLElement, { steps, training, validation }: Curve): void {
  const place = figure.querySelector<HTMLElement>('.plot');
  if (place === null) return;
  charts.get(figure)?.destroy();
  const picture = figure.querySelector<HTMLElement>('img');
  if (picture !== null) picture.hidden = true;
  place.hidden = false;
  // computed colours: a canvas does not know those of the style sheet
  const colour = (name: string): string => {
    const swatch = figure.querySelector(`.swatch.${name}`);
    return getComputedStyle(swatch ?? figure).color;
  };
  const ink = getComputedStyle(figure).color;
  const line = getComputedStyle(place).borderTopColor;
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  const options: Plot.Options = {
    width: place.clientWidth,
    height,
    scales: { x: { time: false } },
    legend: { show: false },
    cursor: { show: false },
    axes: [
      { ...axis, label: 'step', labelSize: 20 },
      { ...axis, label: 'loss, nats a token', labelSize: 20 },
    ],
    series: [
      {},
      { label: 'training', stroke: colour('training'), width: 1.5, spanGaps: true, points: { show: false } },
      {
        label: 'validation',
        stroke: colour('validation'),
        width: 2.5,
        dash: [6, 4],
        spanGaps: true,
        points: { show: true, size: 6, fill: colour('validation') },
      },
    ],
  };
  const chart = new uPlot(options, [steps, training, validation], place);
  chart.root.querySelector('canvas')?.setAttribute('aria-hidden', 'true'); // the table says it
  charts.set(figure, chart);
}

function drawAll(): void {
  for (const figure of document.querySelectorAll<HTMLElement>('figure[data-curve]')) {
    drawCurve(figure, JSON.parse(figure.dataset['curve'] ?? '') as Curve);
  }
}

drawAll();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
new ResizeObserver(() => {
  for (const [figure, chart] of charts) {
    const width = figure.querySelector('.plot')?.clientWidth ?? 0;
    if (width > 0 && width !== chart.width) chart.setSize({ width, height });
  }
}).observe(document.body);
