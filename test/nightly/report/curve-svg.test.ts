/** The chart is well-formed, holds every validation, fits its frame, and says in words what it shows. */
import { describe, expect, test } from 'vitest';
import { curveSvg } from '../../../src/nightly/report/curve-svg.ts';
import { night } from './night.ts';

const { curve } = night();
const row = curve[0]!;
const numbersOf = (svg: string, attribute: string): number[] =>
  [...svg.matchAll(new RegExp(` ${attribute}="([\\d.-]+)"`, 'g'))].map((match) => Number(match[1]));

describe('curveSvg', () => {
  test('a point for every validation, higher loss higher up, later steps further right', () => {
    const svg = curveSvg(curve, 'Training');
    const [xs, ys] = [numbersOf(svg, 'cx'), numbersOf(svg, 'cy')];
    expect(xs).toHaveLength(3);
    expect(xs).toEqual([...xs].sort((a, b) => a - b));
    expect(ys).toEqual([...ys].sort((a, b) => a - b));
    for (const x of xs) expect(x).toBeLessThanOrEqual(720);
    for (const y of ys) expect(y).toBeLessThanOrEqual(320);
    expect(svg).toContain('Validation loss from 4.00 to 3.20 nats a target, lowest 3.20 at step 200.');
    expect(svg).toContain('prefers-color-scheme: dark');
  });

  test.each([
    ['nothing', []],
    ['one validation', [row]],
    ['no validation', curve.map((each) => ({ ...each, validationNats: null }))],
    ['a flat line', curve.map((each) => ({ ...each, validationNats: 2, lossNats: 2 }))],
    ['a loss that is no number', [...curve, { ...row, step: 300, lossNats: NaN }]],
  ])('%s is drawn without a number that is none', (_, rows) => {
    const svg = curveSvg(rows, 'Training');
    expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    expect(svg.match(/<svg|<\/svg>/g)).toHaveLength(2);
  });

  test('every element is closed, and a title is text', () => {
    const svg = curveSvg(curve, 'a <b> & "c"');
    expect(svg).not.toContain('<b>');
    const open: string[] = [];
    for (const [, close, name, self] of svg.matchAll(/<(\/?)([a-z]+)(?: [^>]*[^>/])?(\/?)>/g)) {
      if (close === '/') expect(open.pop()).toBe(name);
      else if (self !== '/') open.push(name!);
    }
    expect(open).toEqual([]);
  });
});
