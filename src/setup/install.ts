/**
 * Sets TensorFlow up as the backends `native` and `cuda`: the JavaScript half of @tensorflow/tfjs-node-gpu from npm, the
 * libraries from TensorFlow's wheel, the addon built between them, and a training step in a process of its own as proof.
 * All of it happens in a staging folder beside the final one, which is renamed when everything has worked; a failure or an
 * interruption leaves what was there before. package.json, the lock file and other modules are not touched.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { addonPath, packageName, sourcesFolder, sourcesHash, type SetupRecord } from '../model/tensorflow.ts';
import { distFile, projectRoot } from '../util/dist.ts';
import { errorCode, UserError } from '../util/errors.ts';
import { freeBytes } from '../util/files.ts';
import { CommandFailed, type Run } from './command.ts';
import { fetchPackage } from './npm-package.ts';
import { cpuWheels, cudaWheels, fetchWheel, tensorflowVersion, unpackWheel, type Wheel } from './wheels.ts';

export interface SetupOptions {
  build: SetupRecord['build'];
  /** where it ends up */
  folder: string;
  /** where wheels are kept */
  cache: string;
  run: Run;
  /** told what is being done, a line at a time */
  say: (line: string) => void;
  signal: AbortSignal;
  /** the wheels of each build, and the lock file that names the packages; the tests have their own */
  wheels?: Record<SetupRecord['build'], readonly Wheel[]>;
  lockFile?: string;
}

/** Disk that a set-up takes at its height, wheels included. */
const neededBytes = { cpu: 1.8e9, cuda: 11e9 };

/** What is built. */
const built = ['tfjs_binding.node', 'kernels.node', 'surroundings.node'];

/** What is set up in a folder now, if it is whole and of this version. */
export function installed(folder: string): SetupRecord | undefined {
  let record: SetupRecord;
  try {
    record = JSON.parse(readFileSync(join(folder, 'setup.json'), 'utf8')) as SetupRecord;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
  const addons = dirname(join(folder, 'node_modules', packageName, addonPath));
  const current = record.tensorflow === tensorflowVersion && record.sources === sourcesHash();
  const whole = current && built.every((name) => existsSync(join(addons, name)));
  return whole ? record : undefined;
}

/** @returns what the trained check ran on. @throws UserError for everything that the user can change */
export async function setUpTensorflow(options: SetupOptions): Promise<{ device: string }> {
  const { build, folder, cache, run, say, signal } = options;
  const wheels = (options.wheels ?? { cpu: cpuWheels, cuda: cudaWheels })[build];
  await checkTools(run);
  checkDisk(build, folder, cache, wheels);
  removeLeftovers(folder);
  const staging = `${folder}.staging-${process.pid}`;
  try {
    const site = join(staging, 'site');
    mkdirSync(site, { recursive: true });
    say(`Fetching ${packageName} from npm.`);
    await stagePackages(staging, { run, signal, lockFile: options.lockFile ?? join(projectRoot, 'package-lock.json') });
    for (const [i, wheel] of wheels.entries()) {
      say(`Fetching ${wheel.project} ${wheel.version} (${i + 1} of ${wheels.length}; kept in ${cache}).`);
      await unpackWheel(await fetchWheel(wheel, cache, run, signal), site, signal);
    }
    say('Building the addon.');
    await buildAddon(staging, run, signal);
    rmSync(join(site, 'tensorflow', 'include'), { recursive: true });
    say('Training a few steps with it.');
    const device = await proveIt(staging, build, run, signal);
    const record: SetupRecord = { tensorflow: tensorflowVersion, build, sources: sourcesHash() };
    writeFileSync(join(staging, 'setup.json'), `${JSON.stringify(record, null, 2)}\n`);
    signal.throwIfAborted();
    publish(staging, folder);
    return { device };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Takes away what was set up. */
export function removeTensorflow(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

async function checkTools(run: Run): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new UserError(
      `TensorFlow is set up on Linux x86-64 only, and this is ${process.platform} ${process.arch}`,
      'Use the backend that `npm run doctor` recommends; nothing else needs TensorFlow.',
    );
  const tools: [string, string[], string][] = [
    ['python3', ['-m', 'pip', '--version'], 'Python 3 with pip is needed to fetch TensorFlow and to build its addon'],
    ['make', ['--version'], 'make is needed to build the addon'],
    ['c++', ['--version'], 'a C++ compiler is needed to build the addon'],
    ['tar', ['--version'], 'tar is needed to unpack the package'],
  ];
  for (const [program, args, why] of tools) {
    try {
      await run(program, args);
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      throw new UserError(
        `${why}, and \`${[program, ...args].join(' ')}\` does not work`,
        'Install it (Debian: `apt-get install python3-pip make g++ tar`), then run `npm run setup:gpu` again.',
        { cause: error },
      );
    }
  }
}

function checkDisk(build: SetupRecord['build'], folder: string, cache: string, wheels: readonly Wheel[]): void {
  if (wheels !== cpuWheels && wheels !== cudaWheels) return; // not the real ones, nor their size
  mkdirSync(cache, { recursive: true });
  for (const place of new Set([dirname(folder), cache])) {
    if (freeBytes(place) >= neededBytes[build]) continue;
    throw new UserError(
      `${place} has ${(freeBytes(place) / 1e9).toFixed(1)} GB free, and TensorFlow needs ${neededBytes[build] / 1e9} GB`,
      'Free some, or set XDG_CACHE_HOME to a folder on a larger disk, then run `npm run setup:gpu` again.',
    );
  }
}

/** Staging folders of set-ups that were killed, and an old set-up that was to be replaced. */
function removeLeftovers(folder: string): void {
  const prefix = `${basename(folder)}.`;
  for (const name of existsSync(dirname(folder)) ? readdirSync(dirname(folder)) : []) {
    const pid = /^(?:staging|old)-(\d+)$/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : '')?.[1];
    if (pid !== undefined && !isRunning(Number(pid)))
      rmSync(join(dirname(folder), name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/**
 * The package, the one module its backend class needs, and in place of the union package `@tensorflow/tfjs` a module that
 * hands on our tfjs-core: the kernels use nothing else of it, and there must be only one core in a process.
 */
async function stagePackages(staging: string, from: Parameters<typeof fetchPackage>[2]): Promise<void> {
  const modules = join(staging, 'node_modules');
  for (const name of [packageName, 'google-protobuf']) await fetchPackage(name, join(modules, name), from);
  const union = join(modules, '@tensorflow', 'tfjs');
  mkdirSync(union, { recursive: true });
  writeFileSync(join(union, 'package.json'), `${JSON.stringify({ name: '@tensorflow/tfjs', main: 'index.js' })}\n`);
  writeFileSync(join(union, 'index.js'), "module.exports = require('@tensorflow/tfjs-core');\n");
}

async function buildAddon(staging: string, run: Run, signal: AbortSignal): Promise<void> {
  const building = join(staging, 'build');
  cpSync(sourcesFolder, building, { recursive: true });
  const headers = join(dirname(process.execPath), '..');
  const here = process.env['npm_config_nodedir'] === undefined && existsSync(join(headers, 'include/node/node_api.h'));
  try {
    const args = [nodeGyp(), 'rebuild', '--silent', ...(here ? [`--nodedir=${headers}`] : [])];
    await run(process.execPath, args, { cwd: building, signal });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new UserError(
      `the addon could not be built:\n${error.tail}`,
      "Look at the compiler's message above; Debian's packages are python3, make and g++.",
      { cause: error },
    );
  }
  const target = dirname(join(staging, 'node_modules', packageName, addonPath));
  mkdirSync(target, { recursive: true });
  for (const name of built) renameSync(join(building, 'build', 'Release', name), join(target, name));
  rmSync(building, { recursive: true });
}

/** node-gyp comes with npm: named by `npm run`, or found beside this Node. */
function nodeGyp(): string {
  const named = process.env['npm_config_node_gyp'];
  const beside = join(dirname(process.execPath), '../lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js');
  const found = [named, beside].find((path) => path !== undefined && existsSync(path));
  if (found === undefined) throw new UserError('node-gyp was not found', 'Start this with `npm run setup:gpu`.');
  return found;
}

async function proveIt(staging: string, build: SetupRecord['build'], run: Run, signal: AbortSignal): Promise<string> {
  const backend = build === 'cpu' ? 'native' : 'cuda';
  try {
    const printed = await run(process.execPath, [distFile('scripts/setup-gpu-check.ts'), staging, backend], { signal });
    return (JSON.parse(printed) as { device: string }).device;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const reason = error.tail.split('\n').at(-1) ?? error.message;
    throw new UserError(
      `TensorFlow was built but does not train here, and was removed again: ${reason}`,
      build === 'cpu'
        ? 'Please report it with the line above.'
        : "Update NVIDIA's driver, or set it up for the CPU: `npm run setup:gpu -- --cpu`.",
      { cause: error },
    );
  }
}

/** The new folder takes the place of the old one; between the two renames, a kill leaves none, and never half of one. */
function publish(staging: string, folder: string): void {
  const old = `${folder}.old-${process.pid}`;
  if (existsSync(folder)) renameSync(folder, old);
  renameSync(staging, folder);
  rmSync(old, { recursive: true, force: true });
}
