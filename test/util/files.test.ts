/** Files that are whole or absent, private, and hashed. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensurePrivateDir, freeBytes, sha256, sha256File, writeFileAtomic } from '../../src/util/files.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'persona-files-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('files', () => {
  test('an atomic write replaces the file, privately, and leaves nothing beside it', () => {
    const path = join(dir, 'a.json');
    writeFileAtomic(path, 'old');
    writeFileAtomic(path, 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(dir)).toEqual(['a.json']);
  });

  test('a write that cannot be done leaves the old file and no temporary one', () => {
    const path = join(dir, 'folder');
    ensurePrivateDir(join(path, 'inside')); // a folder cannot be replaced by a file
    expect(() => writeFileAtomic(path, 'x')).toThrow();
    expect(readdirSync(dir)).toEqual(['folder']);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test('hashes files larger than one piece like their bytes', () => {
    const bytes = Buffer.alloc(3_000_000, 'persona');
    writeFileSync(join(dir, 'big'), bytes);
    expect(sha256File(join(dir, 'big'))).toBe(sha256(bytes));
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  test('knows the free space', () => {
    expect(freeBytes(dir)).toBeGreaterThan(0);
  });
});
