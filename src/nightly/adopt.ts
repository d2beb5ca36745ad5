/**
 * A model folder that was trained elsewhere -> a run here (docs/scale-out.md): read, checked, measured on the held-out
 * conversations, copied under an id of its own. It speaks only once it is chosen.
 * The folder must have the chat format's special tokens, so it began as one of our runs, or as a base made ready by one.
 */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { adaptBase } from '../checkpoint/base.ts';
import { publish } from '../checkpoint/current.ts';
import { loadLlamaFolder, type LlamaFolder } from '../checkpoint/folder.ts';
import { loadCheckpoint } from '../checkpoint/load.ts';
import { manifestName, type RunDetails } from '../checkpoint/manifest.ts';
import { saveCheckpoint } from '../checkpoint/save.ts';
import { pickBackend } from '../model/backend.ts';
import { acquireLock } from '../store/lock.ts';
import { openStore } from '../store/store.ts';
import { createTokenizer } from '../tokenizer/bpe.ts';
import { chatIds } from '../tokenizer/chat-ids.ts';
import { fromTokenizerJson, tokenizerConfigJson, withSpecialTokens } from '../tokenizer/tokenizer-json.ts';
import type { BackendName, SamplingOptions } from '../types.ts';
import { UserError } from '../util/errors.ts';
import { readManifest, sawWhatIsGone } from './manifest.ts';
import { checkpointBits } from './measure.ts';
import type { ModelsOptions } from './models.ts';
import { runId } from './retrain.ts';
import { snapshot } from './snapshot.ts';
import { conversationsOf, personaP99Chars } from './training.ts';

export interface AdoptOptions extends ModelsOptions {
  backend: BackendName | 'auto';
  sampling: SamplingOptions;
  /** hash of the dataset it was trained on (`persona export sft` prints it); undefined: nobody knows */
  datasetHash: string | undefined;
  /** serve it at once */
  use: boolean;
  nowMs: number;
}

export interface Adopted {
  run: string;
  /** on the test split; null where nothing is held out */
  bitsPerByte: number | null;
  /** what it was trained on is known, so it stays until that changes */
  datasetKnown: boolean;
  used: boolean;
}

/** @throws UserError naming the file, key or token that does not fit; nothing is added then */
export async function adoptFolder(folder: string, options: AdoptOptions): Promise<Adopted> {
  const { dataDir, modelsDir } = options;
  const lock = acquireLock(dataDir, 'retrain');
  try {
    const { model, brought, lexicon } = readVoice(resolve(folder));
    const datasetHash = knownDataset(options, brought);
    const tokenizer = createTokenizer(fromTokenizerJson(model.tokenizerJson));
    const dataset = snapshot(options);
    if (sawWhatIsGone(dataDir, { ...(datasetHash && { datasetHash }) }, dataset.manifest) === true) {
      throw new UserError(
        `${model.dir} was trained on messages that changed or are gone since`,
        'Export again with `persona export sft` and train anew.',
      );
    }
    const hasTest = dataset.manifest.counts.test.personaMessages > 0;
    const bits = hasTest
      ? await checkpointBits(model, await pickBackend(options.backend, 'training'), conversationsOf(dataset, 'test'))
      : null;
    const run = runId(options.nowMs);
    const { bos, end, bannedInReplies } = chatIds(tokenizer);
    saveCheckpoint(modelsDir, run, {
      config: model.config,
      weights: model.weights,
      tokenizerJson: model.tokenizerJson,
      tokenizerConfigJson: tokenizerConfigJson(),
      generation: { ...options.sampling, bosId: bos, endId: end, bannedIds: [...bannedInReplies] },
      metrics: '',
      ...(lexicon && { lexicon }),
      details: {
        ...(typeof brought.size === 'string' ? { size: brought.size } : {}),
        addedFrom: basename(model.dir),
        ...(datasetHash === undefined ? {} : { datasetHash }),
        ...(bits === null ? {} : { bitsPerByte: bits.bitsPerByte }),
        personaP99Chars: personaP99Chars(conversationsOf(dataset, 'train')),
      },
    });
    if (options.use) publish(modelsDir, run);
    record(run, options);
    return {
      run,
      bitsPerByte: bits?.bitsPerByte ?? null,
      datasetKnown: datasetHash !== undefined,
      used: options.use,
    };
  } finally {
    lock.release();
  }
}

/** @throws UserError unless the folder's tokenizer speaks the chat format */
function readVoice(dir: string): { model: LlamaFolder; brought: RunDetails; lexicon: Uint32Array | null } {
  if (!existsSync(dir)) throw new UserError(`${dir} does not exist`, 'Give the folder of a model.');
  if (existsSync(join(dir, manifestName))) {
    const model = loadCheckpoint(dir);
    return { model, brought: model.manifest.details, lexicon: model.lexicon };
  }
  const folder = loadLlamaFolder(dir);
  const { vocabSize, baseVocabSize } = withSpecialTokens(folder.tokenizerJson);
  if (vocabSize !== baseVocabSize) {
    throw new UserError(
      `${join(dir, 'tokenizer.json')}: lacks special tokens of chat format v1, so this model has no voice yet`,
      'Train from it instead: `persona retrain --base FOLDER`.',
    );
  }
  return { model: adaptBase(folder, withSpecialTokens), brought: {}, lexicon: null };
}

/** The dataset that was named must be one of this machine; one that the folder names itself may be another machine's. */
function knownDataset({ dataDir, datasetHash }: AdoptOptions, brought: RunDetails): string | undefined {
  if (datasetHash !== undefined) {
    if (/^[0-9a-f]{64}$/.test(datasetHash) && readManifest(dataDir, datasetHash) !== undefined) return datasetHash;
    throw new UserError(
      `no dataset ${datasetHash} on this machine`,
      'Give the hash that `persona export sft` printed, or leave --dataset out: the next night then replaces the model.',
    );
  }
  const own = brought.datasetHash;
  return own !== undefined && readManifest(dataDir, own) !== undefined ? own : undefined;
}

function record(run: string, { dataDir, nowMs, use }: AdoptOptions): void {
  const store = openStore(dataDir);
  try {
    store.runs.add({
      id: run,
      startedAtMs: nowMs,
      finishedAtMs: Date.now(),
      verdict: use ? 'promoted' : 'kept',
      reason: use ? 'added and chosen by hand' : 'added by hand',
      report: {},
    });
  } finally {
    store.close();
  }
}
