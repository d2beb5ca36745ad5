/** A text as a QR code (ISO/IEC 18004), drawn as SVG: dark on light whatever the page's colours, since cameras expect it. */
import QRCode from 'qrcode-terminal/vendor/QRCode/index.js';

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
