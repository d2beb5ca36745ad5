/** A text as a QR code (ISO/IEC 18004), drawn as SVG: dark on light whatever the page's colours, since cameras expect it. */
import { createRequire } from 'node:module';

/** The generator inside qrcode-terminal (Kazuhiko Arase's, MIT), which its own types leave out. */
interface Code {
  addData(text: string): void;
  /** @throws Error where the text is too long */
  make(): void;
  /** modules of a side */
  getModuleCount(): number;
  isDark(row: number, column: number): boolean;
}
/** @param version 1 to 40; -1: the smallest that holds the data. @param level of error correction: L 1, M 0, Q 3, H 2 */
const QRCode = createRequire(import.meta.url)('qrcode-terminal/vendor/QRCode/index.js') as new (
  version: number,
  level: 0 | 1 | 2 | 3,
) => Code;

/** modules of light around the code that a reader needs */
const quietZone = 4;
const lowest = 1;

/** @returns an SVG document, a unit for each module; the text itself is not in it */
export function qrSvg(text: string): string {
  const code = new QRCode(-1, lowest);
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  const side = count + 2 * quietZone;
  let path = '';
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (!code.isDark(row, column)) continue;
      const from = column;
      while (column + 1 < count && code.isDark(row, column + 1)) column++;
      path += `M${from + quietZone} ${row + quietZone}h${column + 1 - from}v1H${from + quietZone}z`;
    }
  }
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}" shape-rendering="crispEdges">` +
    `<path fill="#fff" d="M0 0h${side}v${side}H0z"/><path fill="#000" d="${path}"/></svg>`
  );
}
