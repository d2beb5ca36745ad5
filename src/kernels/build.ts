/**
 * Compiles the kernels: assembly/*.ts, the generated micro-kernels (microkernel.ts) and the operations' codes (tape.ts)
 * become kernels.wasm beside this file in dist/, and kernels-fused.wasm for engines that know fused multiply-add. Part of
 * `npm run build`: `node dist/src/kernels/build.js`. Skipped when nothing that goes into it has changed.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { check } from '../util/errors.ts';
import { distFile, projectRoot } from '../util/dist.ts';
import { type Variant, emitMicroKernels, tiles, wasmFile } from './microkernel.ts';
import { entryWords, operations, partialElements } from './tape.ts';

const optionsFor = (variant: Variant): string[] => [
  '-O3',
  '--converge',
  '--noAssert',
  ...['--runtime', 'stub'],
  ...['--enable', `simd,threads,bulk-memory${tiles[variant].fused ? ',relaxed-simd' : ''}`],
  '--importMemory',
  '--sharedMemory',
  ...['--initialMemory', '1', '--maximumMemory', '65536'],
];

/** What we use of AssemblyScript's compiler. Its own types would redeclare Array and Math for the whole project. */
interface Compiler {
  main(
    argv: readonly string[],
    io: {
      readFile: (name: string) => string | null;
      writeFile: (name: string, contents: Uint8Array | string) => void;
      listFiles: () => string[];
      stderr: { write: (text: string | Uint8Array) => void };
    },
  ): Promise<{ error: Error | null }>;
}
const compilerModule: string = 'assemblyscript/asc';

/** Compiles `sources` (file name -> text, the entry is `entry`); throws with the compiler's messages. */
export async function compileAssembly(
  sources: ReadonlyMap<string, string>,
  entry: string,
  flags: readonly string[],
): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const messages: string[] = [];
  const asc = ((await import(compilerModule)) as { default: Compiler }).default;
  const { error } = await asc.main([entry, '--outFile', 'kernels.wasm', ...flags], {
    readFile: (name) => sources.get(name.replace(/^\.\//, '')) ?? null,
    writeFile: (name, contents) => {
      if (name === 'kernels.wasm' && typeof contents !== 'string') binary = contents;
    },
    listFiles: () => [],
    stderr: { write: (text) => messages.push(String(text)) },
  });
  check(error === null, `the kernels do not compile: ${error?.message ?? ''}\n${messages.join('')}`);
  check(binary, 'the compiler wrote nothing');
  return binary;
}

/** Every source of the kernels by name, generated ones included. */
export function assemblySources(variant: Variant): Map<string, string> {
  const folder = join(projectRoot, 'src/kernels/assembly');
  const sources = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  sources.set('microkernel.ts', emitMicroKernels(variant));
  const codes = operations.map((name, code) => `export const ${name}Code: i32 = ${code};`);
  codes.push(`export const entryBytes: usize = ${4 * entryWords};`);
  codes.push(`export const partialElements: i32 = ${partialElements};`);
  sources.set('codes.ts', codes.join('\n'));
  return sources;
}

/** Builds what is out of date. */
export async function buildKernels(): Promise<void> {
  const { devDependencies } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    devDependencies: { assemblyscript: string };
  };
  for (const variant of Object.keys(tiles) as Variant[]) {
    const sources = assemblySources(variant);
    const options = optionsFor(variant);
    const inputs = JSON.stringify([options, devDependencies.assemblyscript, ...[...sources].sort()]);
    const hash = createHash('sha256').update(inputs).digest('hex');
    const target = distFile(`src/kernels/${wasmFile(variant)}`);
    const hashFile = `${target}.sha256`;
    if (existsSync(target) && existsSync(hashFile) && readFileSync(hashFile, 'utf8') === hash) continue;
    writeFileSync(target, await compileAssembly(sources, 'kernels.ts', options));
    writeFileSync(hashFile, hash);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildKernels();
