/**
 * The training curve as an SVG of its own: loss of the training steps and of the validations over the steps, in nats a
 * target. Colours follow the reader's light or dark page; the numbers stand beside the lines, so colour is not needed.
 */
import type { CurveRow } from '../../train/state.ts';

const width = 720;
const height = 320;
const plot = { left: 56, right: width - 140, top: 44, bottom: height - 48 };
const mostTicks = 5;
/** share of the smoothed training loss that the step before gives */
const smoothing = 0.8;

const style = `
  .page { fill: #ffffff } text { fill: #1f2328; font: 13px system-ui, sans-serif } .title { font-weight: 600 }
  .grid { stroke: #d1d9e0; stroke-width: 1 } .dim { fill: #59636e }
  .train { stroke: #6e7781; fill: none; stroke-width: 1.5 } .validation { stroke: #0969da; fill: none; stroke-width: 2 }
  .dot { fill: #0969da } .own { fill: #0969da; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #f0f6fc } .grid { stroke: #3d444d } .dim { fill: #9198a1 }
    .train { stroke: #9198a1 } .validation { stroke: #4493f8 } .dot { fill: #4493f8 } .own { fill: #4493f8 }
  }`;

interface Point {
  step: number;
  nats: number;
}

/** @param title plain text; it is escaped */
export function curveSvg(rows: readonly CurveRow[], title: string): string {
  const pointsOf = (of: (row: CurveRow) => number | null): Point[] =>
    rows.flatMap((row) => {
      const nats = of(row);
      return nats === null || !Number.isFinite(nats) ? [] : [{ step: row.step, nats }];
    });
  const validation = pointsOf(({ validationNats }) => validationNats);
  const train = smoothed(pointsOf(({ lossNats }) => lossNats));
  const all = [...train, ...validation];
  const said = all.length === 0 ? 'nothing was trained' : describe(validation, train);
  const steps = { from: 0, to: Math.max(1, ...all.map(({ step }) => step)) };
  const losses = rangeOf(all.map(({ nats }) => nats));
  const x = (step: number): number =>
    plot.left + ((step - steps.from) / (steps.to - steps.from)) * (plot.right - plot.left);
  const y = (nats: number): number =>
    plot.bottom - ((nats - losses.from) / (losses.to - losses.from)) * (plot.bottom - plot.top);
  const line = (points: readonly Point[], name: string): string =>
    points.length < 2
      ? ''
      : `<polyline class="${name}" points="${points.map(({ step, nats }) => `${at(x(step))},${at(y(nats))}`).join(' ')}"/>`;
  const ends = [...endOf(train, 'training', 'dim', y), ...endOf(validation, 'validation', 'own', y)];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escape(title)}</title>`,
    `<desc id="desc">${escape(said)}</desc>`,
    `<style>${style}\n</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<text class="title" x="${plot.left}" y="24">${escape(title)}</text>`,
    ...losses.ticks.map(
      (nats) =>
        `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${at(y(nats))}" y2="${at(y(nats))}"/>` +
        `<text class="dim" x="${plot.left - 8}" y="${at(y(nats) + 4)}" text-anchor="end">${tidy(nats)}</text>`,
    ),
    ...ticksOf(steps.from, steps.to)
      .filter((step) => step <= steps.to)
      .map(
        (step) =>
          `<text class="dim" x="${at(x(step))}" y="${plot.bottom + 20}" text-anchor="middle">${tidy(step)}</text>`,
      ),
    `<text class="dim" x="${(plot.left + plot.right) / 2}" y="${height - 10}" text-anchor="middle">step; loss in nats a target</text>`,
    line(train, 'train'),
    line(validation, 'validation'),
    ...validation.map(({ step, nats }) => `<circle class="dot" cx="${at(x(step))}" cy="${at(y(nats))}" r="3.5"/>`),
    ...apart(ends).map(
      ({ text, name, at: place }) => `<text class="${name}" x="${plot.right + 10}" y="${at(place + 4)}">${text}</text>`,
    ),
    '</svg>',
    '',
  ]
    .filter((part, i, parts) => part !== '' || i === parts.length - 1)
    .join('\n');
}

/** Exponential average, so that the noise of single batches does not hide where it goes. */
function smoothed(points: readonly Point[]): Point[] {
  let value: number | undefined;
  return points.map(({ step, nats }) => {
    value = value === undefined ? nats : smoothing * value + (1 - smoothing) * nats;
    return { step, nats: value };
  });
}

function describe(validation: readonly Point[], train: readonly Point[]): string {
  const shown = validation.length > 0 ? validation : train;
  const name = validation.length > 0 ? 'Validation' : 'Training';
  const best = shown.reduce((a, b) => (b.nats < a.nats ? b : a));
  return `${name} loss from ${shown[0]!.nats.toFixed(2)} to ${shown.at(-1)!.nats.toFixed(2)} nats a target, lowest ${best.nats.toFixed(2)} at step ${best.step}.`;
}

/** The number at the right end of a line. */
function endOf(points: readonly Point[], label: string, name: string, y: (nats: number) => number): Label[] {
  const last = points.at(-1);
  return last === undefined ? [] : [{ text: `${last.nats.toFixed(2)} ${label}`, name, at: y(last.nats) }];
}

interface Label {
  text: string;
  name: string;
  at: number;
}

/** Labels that would cover each other are moved apart. */
function apart(labels: readonly Label[]): Label[] {
  const sorted = [...labels].sort((a, b) => a.at - b.at);
  const [first, second] = sorted;
  if (first === undefined || second === undefined || second.at - first.at >= 16) return sorted;
  const middle = (first.at + second.at) / 2;
  return [
    { ...first, at: middle - 8 },
    { ...second, at: middle + 8 },
  ];
}

function rangeOf(values: readonly number[]): { from: number; to: number; ticks: number[] } {
  const [least, most] = values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)];
  const room = most === least ? 0.5 : (most - least) * 0.05;
  const ticks = ticksOf(Math.max(0, least - room), most + room);
  return { from: Math.min(ticks[0]!, least), to: Math.max(ticks.at(-1)!, most), ticks };
}

/** Round numbers from at or below `from` to at or above `to`. */
function ticksOf(from: number, to: number): number[] {
  const rough = (to - from) / mostTicks;
  const power = 10 ** Math.floor(Math.log10(rough));
  const size = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough)!;
  const ticks: number[] = [];
  for (let i = Math.floor(from / size); i <= Math.ceil(to / size); i++) ticks.push(Number((i * size).toPrecision(12)));
  return ticks;
}

const at = (pixels: number): string => String(Math.round(pixels * 10) / 10);
const tidy = (value: number): string => String(value);

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
