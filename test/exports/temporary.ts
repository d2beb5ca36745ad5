/** Files of a test: put on disk, refused with a remedy and without a word of the chat. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect } from 'vitest';
import { UserError } from '../../src/util/errors.ts';
import { readExport } from './read.ts';

export interface TemporaryFiles {
  folder: string;
  /** @returns the path of a new file */
  put: (data: Buffer | string, name?: string) => string;
}

export function temporaryFiles(): TemporaryFiles {
  const folder = mkdtempSync(join(tmpdir(), 'export-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  let files = 0;
  const put = (data: Buffer | string, name = `file-${files++}.txt`): string => {
    const path = join(folder, name);
    writeFileSync(path, data);
    return path;
  };
  return { folder, put };
}

/** The error that ends the reading of a file. The texts of all tests hold "secret", which no error may. */
export async function refusal(path: string): Promise<UserError> {
  const error: unknown = await readExport(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof UserError)) throw new Error(`not refused with a UserError: ${String(error)}`);
  expect(error.hint).not.toBe('');
  const cause = error.cause instanceof Error ? error.cause.message : '';
  expect(`${error.message} ${error.hint} ${cause}`).not.toContain('secret');
  return error;
}

/** Any characters but NUL. */
export const anyText = fc
  .array(fc.oneof(fc.integer({ min: 1, max: 0xd7ff }), fc.integer({ min: 0xe000, max: 0x10ffff })), { maxLength: 20 })
  .map((codePoints) => String.fromCodePoint(...codePoints));
