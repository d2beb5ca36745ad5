/**
 * TensorFlow's libraries and C headers out of the wheels that PyPI ships: named exactly, with their SHA-256, kept in the
 * user's cache folder, and unpacked in part. pip only fetches; no Python package is installed, and the wheel's Python
 * version does not matter to what is taken from it.
 * Not covered: other platforms than Linux on x86-64.
 */
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { open, type Entry, type ZipFile } from 'yauzl';
import { UserError } from '../util/errors.ts';
import { sha256File } from '../util/files.ts';
import { CommandFailed, type Run } from './command.ts';

export interface Wheel {
  /** as pip knows it */
  project: string;
  version: string;
  /** its file's name, the same on every index */
  file: string;
  sha256: string;
}

/** Why this version: docs/decisions.md. */
export const tensorflowVersion = '2.21.0';

/** The whole of TensorFlow for the CPU. */
export const cpuWheels: readonly Wheel[] = [
  {
    project: 'tensorflow-cpu',
    version: tensorflowVersion,
    file: `tensorflow_cpu-${tensorflowVersion}-cp312-cp312-manylinux_2_27_x86_64.whl`,
    sha256: 'dcc8afd32930e42d5296b6ee19078b773706830af4ea97fbe503b9f5e0f820cb',
  },
];

const nvidia = (name: string, version: string, platform: string, sha256: string): Wheel => ({
  project: `nvidia-${name}-cu12`,
  version,
  file: `nvidia_${name.replaceAll('-', '_')}_cu12-${version}-py3-none-${platform}_x86_64.whl`,
  sha256,
});

/** TensorFlow for GPUs, and the CUDA libraries that its extra `and-cuda` asks for, each the newest that it allows. */
export const cudaWheels: readonly Wheel[] = [
  {
    project: 'tensorflow',
    version: tensorflowVersion,
    file: `tensorflow-${tensorflowVersion}-cp312-cp312-manylinux_2_27_x86_64.whl`,
    sha256: 'b3b95643c4e70eb925839938fb35cbe142f317ec84af6844ee61513713bb13c0',
  },
  nvidia('cublas', '12.9.3.13', 'manylinux_2_27', 'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72'),
  nvidia(
    'cuda-cupti',
    '12.8.90',
    'manylinux2014_x86_64.manylinux_2_17',
    'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182',
  ),
  nvidia(
    'cuda-nvcc',
    '12.9.86',
    'manylinux2010_x86_64.manylinux_2_12',
    '5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0',
  ),
  nvidia(
    'cuda-nvrtc',
    '12.9.86',
    'manylinux2010_x86_64.manylinux_2_12',
    '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
  ),
  nvidia(
    'cuda-runtime',
    '12.9.79',
    'manylinux2014_x86_64.manylinux_2_17',
    '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
  ),
  nvidia('cudnn', '9.28.0.42', 'manylinux_2_27', '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375'),
  nvidia(
    'cufft',
    '11.4.1.4',
    'manylinux2014_x86_64.manylinux_2_17',
    'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
  ),
  nvidia('curand', '10.3.10.19', 'manylinux_2_27', '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e'),
  nvidia('cusolver', '11.7.5.82', 'manylinux_2_27', '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88'),
  nvidia(
    'cusparse',
    '12.5.10.65',
    'manylinux2014_x86_64.manylinux_2_17',
    '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
  ),
  nvidia('nccl', '2.32.3', 'manylinux_2_27', 'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c'),
  nvidia(
    'nvjitlink',
    '12.9.86',
    'manylinux2010_x86_64.manylinux_2_12',
    'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
  ),
];

/** What is taken from a wheel: libraries to run with, and the headers that the addon's source includes. */
export function isNeeded(path: string): boolean {
  if (path.startsWith('tensorflow/include/'))
    return /^tensorflow\/include\/(?:tensorflow\/(?:c|core\/platform|core\/common_runtime\/next_pluggable_device\/c)|xla|tsl)\/.*\.h$/.test(
      path,
    );
  return (
    /^tensorflow\/libtensorflow_(?:cc|framework)\.so\.\d+$/.test(path) ||
    /^nvidia\/(?!.*\/include\/).*\/[^/]+$/.test(path)
  );
}

/** Where fetched wheels stay, so that a second set-up (after `npm ci`, say) needs no network. */
export function wheelCache(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'whatsapp-persona', 'wheels');
}

/**
 * The wheel's file: from the cache, or fetched into it by pip.
 * @throws UserError when pip cannot fetch it, or what came is not the file that was named
 */
export async function fetchWheel(wheel: Wheel, cache: string, run: Run, signal: AbortSignal): Promise<string> {
  const path = join(cache, wheel.file);
  if (existsSync(path) && sha256File(path) === wheel.sha256) return path;
  mkdirSync(cache, { recursive: true });
  const incoming = join(cache, `incoming-${process.pid}`);
  try {
    const platforms = ['manylinux_2_27', 'manylinux_2_17', 'manylinux2014', 'manylinux_2_12', 'manylinux2010'];
    await run(
      'python3',
      [
        ...['-m', 'pip', 'download', '--quiet', '--no-cache-dir', '--no-deps', '--only-binary=:all:'],
        ...['--python-version', '3.12', '--implementation', 'cp', '--dest', incoming],
        ...platforms.flatMap((platform) => ['--platform', `${platform}_x86_64`]),
        `${wheel.project}==${wheel.version}`,
      ],
      { signal },
    );
    const fetched = join(incoming, wheel.file);
    if (!existsSync(fetched) || sha256File(fetched) !== wheel.sha256) {
      throw new UserError(
        `what pip fetched for ${wheel.project} ${wheel.version} is not the file this program was tested with`,
        'Check which package index pip is set to use, then run it again.',
      );
    }
    renameSync(fetched, path);
    return path;
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new UserError(
      `${wheel.project} ${wheel.version} could not be downloaded: ${error.tail.split('\n').at(-1) ?? error.message}`,
      'Check the connection (pip uses PIP_INDEX_URL and HTTPS_PROXY), then run it again.',
      { cause: error },
    );
  } finally {
    rmSync(incoming, { recursive: true, force: true });
  }
}

/** Unpacks the needed part of a wheel into a folder, as site-packages would hold it. @returns how many files */
export async function unpackWheel(path: string, into: string, signal: AbortSignal): Promise<number> {
  const zip = await new Promise<ZipFile>((resolve, reject) => {
    open(path, { lazyEntries: true, autoClose: true }, (error, file) => {
      if (error) reject(error);
      else resolve(file);
    });
  });
  let files = 0;
  const unpack = async (entry: Entry): Promise<void> => {
    const target = normalize(join(into, entry.fileName));
    if (entry.fileName.endsWith('/') || !isNeeded(entry.fileName) || !target.startsWith(into + sep)) return;
    mkdirSync(dirname(target), { recursive: true });
    const source = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      zip.openReadStream(entry, (error, stream) => {
        if (error) reject(error);
        else resolve(stream);
      });
    });
    const executable = (entry.externalFileAttributes >>> 16) & 0o111;
    await pipeline(source, createWriteStream(target, { mode: 0o644 | executable }), { signal });
    files++;
  };
  try {
    await new Promise<void>((resolve, reject) => {
      zip.on('entry', (entry: Entry) => void unpack(entry).then(() => zip.readEntry(), reject));
      zip.on('end', resolve);
      zip.on('error', reject);
      zip.readEntry();
    });
  } finally {
    zip.close();
  }
  return files;
}
