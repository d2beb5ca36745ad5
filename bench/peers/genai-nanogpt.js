var __rewriteRelativeImportExtension = (this && this.__rewriteRelativeImportExtension) || function (path, preserveJsx) {
    if (typeof path === "string" && /^\.\.?\//.test(path)) {
        return path.replace(/\.(tsx)$|((?:\.d)?)((?:\.[^./]+?)?)\.([cm]?)ts$/i, function (m, tsx, d, ext, cm) {
            return tsx ? preserveJsx ? ".jsx" : ".js" : d && (!ext || !cm) ? m : (d + ext + "." + cm.toLowerCase() + "js");
        });
    }
    return path;
};
/**
 * npm @genai-fi/nanogpt as a contender of bench/train: its own model (GPT with RMSNorm, rotary positions, GELU, tied
 * embedding) and trainer. Its tfjs is bundled, so no faster backend can be registered: in Node without a GPU `cpu` is what
 * it has. Its bundle takes Node for a browser without `util` and throws on import, therefore Node hides itself before.
 * Run by child.ts with the package's folder as argument.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { genaiVersion } from "./genai-version.js";
import { serve } from "./serve.js";
const dist = join(process.argv[2] ?? '', '@genai-fi', 'nanogpt', 'dist');
const load = async (file) => await import(__rewriteRelativeImportExtension(pathToFileURL(join(dist, file)).href));
let trainer;
let nextBatch;
async function start({ config, batchSize, ids, learningRate }) {
    Object.defineProperty(process, 'versions', { value: { ...process.versions, node: undefined } });
    Object.assign(globalThis, { window: globalThis, document: {} });
    const { TeachableLLM, models, tokenise } = (await load('main.js'));
    const { default: PreTrainer } = (await load('training/PreTrainer.js'));
    await TeachableLLM.selectBackend('cpu');
    const bytes = readFileSync(ids);
    const store = await tokenise.createTokenStore('bench', 'ids', 'ids', { noOPFS: true });
    store.appendShard(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
    trainer = new PreTrainer(new models.NanoGPTV1(genaiConfig(config)), {}, { learningRate, warmupSteps: 0 });
    const { dataset } = await trainer.datasetBuilder.createTextDataset(store, { batchSize, noShuffle: true });
    const iterator = await dataset.iterator();
    nextBatch = async () => (await iterator.next()).value;
    return { version: `@genai-fi/nanogpt ${genaiVersion} (tfjs cpu)` };
}
function genaiConfig({ vocabSize, contextLength, layers, heads, width }) {
    const shape = { vocabSize, blockSize: contextLength, nLayer: layers, nHead: heads, nEmbed: width };
    return { modelType: 'GenAI_NanoGPT_v1', ...shape, mlpFactor: 4, useRope: true };
}
async function train({ seconds, atLeast }) {
    if (!trainer || !nextBatch)
        throw new Error('not started');
    const stepMs = [];
    let loss = Number.NaN;
    const begin = performance.now();
    while (stepMs.length < atLeast || performance.now() - begin < seconds * 1000) {
        const batch = await nextBatch();
        const start = performance.now();
        const result = trainer.trainStep({}, batch);
        loss = (await result.data())[0] ?? Number.NaN;
        stepMs.push(performance.now() - start);
        for (const tensor of [result, batch.xs, batch.ys])
            tensor.dispose();
        if (!Number.isFinite(loss))
            throw new Error(`loss ${loss}`);
    }
    return { stepMs, loss };
}
serve({ start, train });
