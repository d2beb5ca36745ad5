/**
 * Which way of adapting a base is the better default, by rule and from figures alone: the fewest bits per byte; of those
 * within 1 % of that, the least exposure; of those within half a bit of that, the shortest time.
 */
export interface WayFigures {
  way: string;
  testBits: number;
  /** mean exposure of canaries that were learned from, bits */
  exposure: number;
  /** of training */
  seconds: number;
}

/** Bits per byte that count as the same: seeds differ by about as much. */
const sameBitsShare = 0.01;
/** Exposures that count as the same: a mean over ten canaries of chance varies by 1.44 / sqrt(10). */
const sameExposureBits = 0.5;

/** @returns undefined where there is nothing to choose from */
export function defaultWay(figures: readonly WayFigures[]): string | undefined {
  const least = (of: readonly WayFigures[], value: (figure: WayFigures) => number): number =>
    Math.min(...of.map(value));
  const fewestBits = least(figures, ({ testBits }) => testBits);
  const near = figures.filter(({ testBits }) => testBits <= fewestBits * (1 + sameBitsShare));
  const leastExposure = least(near, ({ exposure }) => exposure);
  const alike = near.filter(({ exposure }) => exposure <= leastExposure + sameExposureBits);
  const fastest = least(alike, ({ seconds }) => seconds);
  return alike.find(({ seconds }) => seconds === fastest)?.way;
}

/** The mean of several cells of one way (bits, exposure) and their whole time, to choose one default for a size. */
export function overall(figures: readonly WayFigures[]): WayFigures[] {
  return [...new Set(figures.map(({ way }) => way))].map((way) => {
    const own = figures.filter((figure) => figure.way === way);
    const sum = (value: (figure: WayFigures) => number): number => own.reduce((all, each) => all + value(each), 0);
    return {
      way,
      testBits: sum(({ testBits }) => testBits) / own.length,
      exposure: sum(({ exposure }) => exposure) / own.length,
      seconds: sum(({ seconds }) => seconds),
    };
  });
}
