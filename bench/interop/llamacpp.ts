/**
 * llama.cpp on files that `persona export gguf` wrote: greedy ids and token ids, as references for the tests.
 * Run: npx tsc -p bench; node dist/bench/interop/llamacpp.js [--check]
 * Installs npm node-llama-cpp (700 MB with its prebuilt llama.cpp) into a temporary folder, kept for the next run. Writes
 * test/checkpoint/references/llamacpp.json; with --check it writes nothing and fails where llama.cpp says something else.
 * Not covered: speed (bench/generate), GPUs.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { adaptBase } from '../../src/checkpoint/base.ts';
import { loadLlamaFolder, type LlamaFolder } from '../../src/checkpoint/folder.ts';
import { writeGguf } from '../../src/checkpoint/gguf.ts';
import { toGguf } from '../../src/checkpoint/llama-gguf.ts';
import { createTokenizer } from '../../src/tokenizer/bpe.ts';
import { chatIds } from '../../src/tokenizer/chat-ids.ts';
import { fromTokenizerJson, tokenizerConfigJson, withSpecialTokens } from '../../src/tokenizer/tokenizer-json.ts';
import { projectRoot } from '../../src/util/dist.ts';

const version = '3.22.1';
const references = join(projectRoot, 'test', 'checkpoint', 'references');
const texts = JSON.parse(readFileSync(join(references, 'texts.json'), 'utf8')) as string[];
const names = ['own', 'grouped-bf16', 'grouped-f16'] as const;

/** The part of node-llama-cpp that is used here; it is not installed where this is compiled. */
interface LlamaCpp {
  getLlama: (options: object) => Promise<Llama>;
}
interface Llama {
  llamaCppRelease: { repo: string; release: string };
  loadModel(options: object): Promise<Model>;
  dispose(): Promise<void>;
}
interface Model {
  tokenize(text: string, specialTokens: boolean, options?: 'trimLeadingSpace'): number[];
  createContext(options: object): Promise<{ getSequence(): Sequence; dispose(): Promise<void> }>;
  dispose(): Promise<void>;
}
interface Sequence {
  evaluate(ids: number[], options: object): AsyncIterable<number>;
  dispose(): void;
}

function installed(): string {
  const folder = join(tmpdir(), `persona-llamacpp-${version}`);
  if (!existsSync(join(folder, 'node_modules', 'node-llama-cpp'))) {
    console.log(`installing node-llama-cpp ${version} into ${folder} ...`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}');
    execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', `node-llama-cpp@${version}`], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  return folder;
}

async function askLlamaCpp(llama: Llama, folder: LlamaFolder, name: string) {
  const tokenizer = createTokenizer(fromTokenizerJson(folder.tokenizerJson));
  const { bos, end } = chatIds(tokenizer);
  const { chat_template: chatTemplate } = JSON.parse(tokenizerConfigJson()) as { chat_template: string };
  const file = join(mkdtempSync(join(tmpdir(), 'persona-gguf-')), `${name}.gguf`);
  const { metadata, tensors } = toGguf(folder, { name, dtype: 'f32', bosId: bos, endId: end, chatTemplate });
  writeGguf(file, metadata, tensors);
  const model = await llama.loadModel({ modelPath: file, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: folder.config.contextLength, threads: 1 });
  const tokens = texts.map((text) => ({ text, ids: [...model.tokenize(text, false)] }));
  const { greedy: asked } = JSON.parse(readFileSync(join(references, `${name}.json`), 'utf8')) as {
    greedy: { prompt: number[]; ids: number[] }[];
  };
  const greedy: { prompt: number[]; ids: number[] }[] = [];
  for (const { prompt, ids: wanted } of asked) {
    const sequence = context.getSequence();
    const ids: number[] = [];
    for await (const id of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
      ids.push(id);
      if (ids.length === wanted.length) break;
    }
    sequence.dispose();
    greedy.push({ prompt, ids });
  }
  await context.dispose();
  await model.dispose();
  rmSync(file);
  const differing = tokens.filter(({ text, ids }) => !isDeepStrictEqual(ids, tokenizer.encode(text)));
  for (const { text } of differing) console.log(`  ${name}: llama.cpp cuts ${JSON.stringify(text)} otherwise`);
  const same = greedy.filter(({ ids }, i) => isDeepStrictEqual(ids, asked[i]?.ids)).length;
  console.log(
    `${name}: greedy ids of transformers in ${same} of ${asked.length} prompts, our token ids in ${tokens.length - differing.length} of ${tokens.length} texts`,
  );
  return { greedy, tokens };
}

async function main(): Promise<void> {
  const require = createRequire(join(installed(), 'package.json'));
  const { getLlama } = (await import(pathToFileURL(require.resolve('node-llama-cpp')).href)) as LlamaCpp;
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' });
  const answers: Record<string, unknown> = {};
  for (const name of names) {
    const folder = loadLlamaFolder(join(references, name));
    answers[name] = await askLlamaCpp(llama, name === 'own' ? folder : adaptBase(folder, withSpecialTokens), name);
  }
  await llama.dispose();
  const versions = { 'node-llama-cpp': version, 'llama.cpp': llama.llamaCppRelease.release };
  const made = { madeBy: 'bench/interop/llamacpp.ts', versions, ...answers };
  const file = join(references, 'llamacpp.json');
  if (!process.argv.includes('--check')) writeFileSync(file, `${JSON.stringify(made)}\n`);
  else if (!isDeepStrictEqual(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(JSON.stringify(made)))) {
    throw new Error('llama.cpp says something else than test/checkpoint/references/llamacpp.json');
  }
}

await main();
