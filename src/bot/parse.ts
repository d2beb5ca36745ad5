/**
 * Text -> command line, or nothing. Exact match only: ASCII, case and inner blanks folded, nothing before or after.
 * Look-alike letters, zero-width characters and full-width marks never make a command.
 * Not covered: who may say it (authority.ts) and what it does (commands.ts).
 */

/** No command is longer; text beyond it is never looked at. */
const longestCommand = 40;

/**
 * The canonical form of a text that has the shape of a command: `'  !Bot   OFF all\n'` -> `'!bot off all'`.
 * Undefined for everything else. The table decides whether such a command exists.
 */
export function parseCommand(text: string): string | undefined {
  if (text.length > longestCommand) return undefined;
  const line = text.replace(/^[ \t\r\n]+/, '').replace(/[ \t\r\n]+$/, '');
  if (!/^![a-z][a-z \t]*$/i.test(line)) return undefined;
  return line.toLowerCase().replace(/[ \t]+/g, ' ');
}

/**
 * Was this meant as a command, obeyed or not? Such text is never stored, never answered and never trained on, so that
 * a mistyped or refused command does not become part of anybody's voice.
 */
export function looksLikeCommand(text: string): boolean {
  return /^!\p{L}/u.test(visibleStart(text));
}

/** A bare "stop", with or without marks around it, is asked back and not obeyed: `Stop.`, `STOP!!`, `！stop`. */
export function isBareStop(text: string): boolean {
  if (text.length > longestCommand) return false;
  return (
    text
      .normalize('NFKC')
      .replace(/[^\p{L}\p{N}]/gu, '')
      .toLowerCase() === 'stop'
  );
}

/** The first visible characters, with full-width and zero-width tricks undone. */
function visibleStart(text: string): string {
  return text
    .slice(0, longestCommand)
    .normalize('NFKC')
    .replace(/^[\s\p{Cf}\p{Cc}]+/u, '');
}
