/** The QR code generator inside qrcode-terminal (Kazuhiko Arase's, MIT), which its own types leave out. */
declare module 'qrcode-terminal/vendor/QRCode/index.js' {
  export default class QRCode {
    /**
     * @param version 1 to 40; -1: the smallest that holds the data
     * @param level of error correction: L 1, M 0, Q 3, H 2
     */
    constructor(version: number, level: 0 | 1 | 2 | 3);
    addData(text: string): void;
    /** @throws Error where the text is too long */
    make(): void;
    /** modules of a side */
    getModuleCount(): number;
    isDark(row: number, column: number): boolean;
  }
}
