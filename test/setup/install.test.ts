/**
 * setup:gpu with stand-ins for pip, npm, tar, the compiler and the training check: what it leaves behind when all goes
 * well, and that it leaves nothing when something does not. The real thing is run by .ci/run where PyPI is reachable.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  addonPath,
  packageName,
  sourcesHash,
  startTensorflow,
  tensorflowFolder,
  useTensorflowFrom,
} from '../../src/model/tensorflow.ts';
import { CommandFailed, run as reallyRun, type Run } from '../../src/setup/command.ts';
import { installed, setUpTensorflow, type SetupOptions } from '../../src/setup/install.ts';
import { cpuWheels, cudaWheels, isNeeded, tensorflowVersion, type Wheel } from '../../src/setup/wheels.ts';
import { UserError } from '../../src/util/errors.ts';
import { writeZip } from '../exports/zip-writer.ts';

const archive = 'what npm packed';
const wheelBytes = writeZip([
  { name: 'tensorflow/libtensorflow_cc.so.2', data: 'the library', packed: true, unixMode: 0o100755 },
  { name: 'tensorflow/libtensorflow_framework.so.2', data: 'the framework' },
  { name: 'tensorflow/include/tensorflow/c/c_api.h', data: 'a header', packed: true },
  { name: 'tensorflow/include/Eigen/Core.h', data: 'not needed' },
  { name: 'tensorflow/python/__init__.py', data: 'not needed' },
]);
const hash = (algorithm: string, data: string | Buffer, as: 'hex' | 'base64'): string =>
  createHash(algorithm).update(data).digest(as);
const wheel: Wheel = {
  project: 'tensorflow-cpu',
  version: tensorflowVersion,
  file: 'tensorflow_cpu.whl',
  sha256: hash('sha256', wheelBytes, 'hex'),
};

let home: string;
let folder: string;
let steps: string[];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'setup-'));
  folder = join(home, 'node_modules', '.tensorflow');
  mkdirSync(join(home, 'node_modules'));
  steps = [];
  const entry = { version: '4.22.0', integrity: `sha512-${hash('sha512', archive, 'base64')}` };
  const packages = { [`node_modules/${packageName}`]: entry, 'node_modules/google-protobuf': entry };
  writeFileSync(join(home, 'package-lock.json'), JSON.stringify({ packages }));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

type Step = 'tools' | 'npm' | 'tar' | 'pip' | 'node-gyp' | 'check';

/** Does what the real programs would leave on the disk; `intervene` may fail a step instead. */
function standIn(intervene: (step: Step) => void = () => undefined): Run {
  const after = (args: readonly string[], flag: string): string => args[args.indexOf(flag) + 1] ?? '';
  const act = (args: readonly string[], cwd = ''): { step: Step; output?: string } => {
    if (args.includes('--version')) return { step: 'tools' };
    if (args.includes('pack')) {
      writeFileSync(join(after(args, '--pack-destination'), 'package.tgz'), archive);
      return { step: 'npm', output: 'package.tgz\n' };
    }
    if (args[0] === '-xzf') {
      writeFileSync(join(after(args, '-C'), 'package.json'), '{"version": "4.22.0"}');
      return { step: 'tar' };
    }
    if (args.includes('pip')) {
      mkdirSync(after(args, '--dest'));
      writeFileSync(join(after(args, '--dest'), wheel.file), wheelBytes);
      return { step: 'pip' };
    }
    if (args[0]?.endsWith('node-gyp.js') === true) {
      mkdirSync(join(cwd, 'build', 'Release'), { recursive: true });
      for (const name of ['tfjs_binding', 'kernels', 'surroundings'])
        writeFileSync(join(cwd, 'build', 'Release', `${name}.node`), name);
      return { step: 'node-gyp' };
    }
    expect(args[0]).toMatch(/setup-gpu-check\.js$/);
    return { step: 'check', output: '{"device": "a stand-in"}' };
  };
  return (_program, args, options = {}) => {
    options.signal?.throwIfAborted();
    const { step, output = '' } = act(args, options.cwd);
    steps.push(step);
    intervene(step);
    options.signal?.throwIfAborted();
    return Promise.resolve(output);
  };
}

function options(run: Run, signal = new AbortController().signal): SetupOptions {
  return {
    build: 'cpu',
    folder,
    cache: join(home, 'cache'),
    run,
    say: () => undefined,
    signal,
    wheels: { cpu: [wheel], cuda: [wheel] },
    lockFile: join(home, 'package-lock.json'),
  };
}

const failure = (setup: Promise<unknown>): Promise<unknown> =>
  setup.then(
    () => undefined,
    (error: unknown) => error,
  );

describe.skipIf(process.platform !== 'linux' || process.arch !== 'x64')(
  'setup:gpu (skipped: TensorFlow is set up on Linux x86-64 only)',
  () => {
    test('leaves the package, the libraries, the addon and a record, and no headers or build files', async () => {
      expect(installed(folder)).toBeUndefined();
      expect(await setUpTensorflow(options(standIn()))).toEqual({ device: 'a stand-in' });
      expect(readdirSync(join(home, 'node_modules'))).toEqual(['.tensorflow']);
      expect(readdirSync(folder).sort()).toEqual(['node_modules', 'setup.json', 'site']);
      expect(readdirSync(join(folder, 'site', 'tensorflow')).sort()).toEqual([
        'libtensorflow_cc.so.2',
        'libtensorflow_framework.so.2',
      ]);
      expect(readFileSync(join(folder, 'site/tensorflow/libtensorflow_cc.so.2'), 'utf8')).toBe('the library');
      expect(readFileSync(join(folder, 'node_modules', packageName, addonPath), 'utf8')).toBe('tfjs_binding');
      expect(installed(folder)).toEqual({ tensorflow: tensorflowVersion, build: 'cpu', sources: sourcesHash() });
    });

    test('in place of the union package it puts one that hands on tfjs-core', async () => {
      await setUpTensorflow(options(standIn()));
      const core = join(home, 'node_modules', '@tensorflow', 'tfjs-core');
      mkdirSync(core, { recursive: true });
      writeFileSync(join(core, 'index.js'), 'module.exports = { isCore: true };');
      const require = createRequire(join(folder, 'node_modules', packageName, 'package.json'));
      expect(require('@tensorflow/tfjs')).toEqual({ isCore: true });
    });

    test('a wheel in the cache is not fetched again', async () => {
      await setUpTensorflow(options(standIn()));
      expect(steps).toContain('pip');
      steps = [];
      await setUpTensorflow(options(standIn()));
      expect(steps).not.toContain('pip');
      expect(readdirSync(join(home, 'cache'))).toEqual([wheel.file]);
    });

    test.each<[Step, RegExp]>([
      ['npm', /could not be fetched: request to the registry failed$/],
      ['tar', /could not be fetched: it ended with 1$/],
      ['pip', /tensorflow-cpu .* could not be downloaded: no such host/],
      ['node-gyp', /the addon could not be built:\nsome lines\nno such host/],
      ['check', /was built but does not train here, and was removed again: no such host/],
    ])('a failure of %s says so and leaves what was there before', async (failing, message) => {
      mkdirSync(folder);
      writeFileSync(join(folder, 'setup.json'), 'an earlier set-up');
      const run = standIn((step) => {
        const said =
          step === 'npm' ? 'npm error code E1\nnpm error request to the registry failed' : 'some lines\nno such host';
        if (step === failing) throw new CommandFailed('it ended with 1', said);
      });
      const error = await failure(setUpTensorflow(options(run)));
      expect(error).toBeInstanceOf(UserError);
      expect((error as UserError).message).toMatch(message);
      expect(readdirSync(join(home, 'node_modules'))).toEqual(['.tensorflow']);
      expect(readdirSync(folder)).toEqual(['setup.json']);
      if (existsSync(join(home, 'cache')))
        expect(readdirSync(join(home, 'cache'))).toEqual(
          failing === 'pip' || failing === 'npm' || failing === 'tar' ? [] : [wheel.file],
        );
    });

    test.each<Step>(['npm', 'pip', 'node-gyp', 'check'])('an interruption during %s leaves nothing', async (during) => {
      const interruption = new AbortController();
      const run = standIn((step) => {
        if (step === during) interruption.abort();
      });
      expect(await failure(setUpTensorflow(options(run, interruption.signal)))).toMatchObject({ name: 'AbortError' });
      expect(readdirSync(join(home, 'node_modules'))).toEqual([]);
    });

    test('without Python it says what to install, and does nothing', async () => {
      const run: Run = (program) => Promise.reject(new CommandFailed(`${program}: not found`, ''));
      const error = await failure(setUpTensorflow(options(run)));
      expect((error as UserError).message).toMatch(
        /^Python 3 with pip is needed .* `python3 -m pip --version` does not work$/,
      );
      expect((error as UserError).hint).toContain('apt-get install python3-pip make g++');
      expect(readdirSync(join(home, 'node_modules'))).toEqual([]);
    });

    test('files with another checksum are refused', async () => {
      const wrongWheel = { ...wheel, sha256: '0'.repeat(64) };
      const error = await failure(setUpTensorflow({ ...options(standIn()), wheels: { cpu: [wrongWheel], cuda: [] } }));
      expect((error as UserError).message).toMatch(/is not the file this program was tested with$/);
      writeFileSync(
        join(home, 'package-lock.json'),
        readFileSync(join(home, 'package-lock.json'), 'utf8').replaceAll('sha512-', 'sha512-A'),
      );
      expect(((await failure(setUpTensorflow(options(standIn())))) as UserError).message).toMatch(
        /is not what package-lock\.json names$/,
      );
      expect(readdirSync(join(home, 'node_modules'))).toEqual([]);
    });

    test('folders that a killed set-up left are taken away; those of one at work stay', async () => {
      const [dead, alive] = [`${folder}.staging-4194304999`, `${folder}.old-${process.ppid}`];
      mkdirSync(dead);
      mkdirSync(alive);
      await setUpTensorflow(options(standIn()));
      expect(existsSync(dead)).toBe(false);
      expect(existsSync(alive)).toBe(true);
    });
  },
);

describe('what is set up', () => {
  test('a record of another version, a broken one, or one without its addon does not count', () => {
    mkdirSync(folder);
    for (const record of ['{"tensorflow": "1.0.0", "build": "cpu"}', '{', `{"tensorflow": "${tensorflowVersion}"}`]) {
      writeFileSync(join(folder, 'setup.json'), record);
      expect(installed(folder)).toBeUndefined();
    }
  });

  test('what another version built is not loaded', () => {
    mkdirSync(folder);
    writeFileSync(
      join(folder, 'setup.json'),
      JSON.stringify({ tensorflow: tensorflowVersion, build: 'cpu', sources: 'x' }),
    );
    useTensorflowFrom(folder);
    try {
      expect(() => startTensorflow('native')).toThrow(
        /^set up by another version of this program; run `npm run setup:gpu` again$/,
      );
      writeFileSync(join(folder, 'setup.json'), JSON.stringify({ build: 'cpu', sources: sourcesHash() }));
      expect(() => startTensorflow('cuda')).toThrow(/^set up for the CPU only; with an NVIDIA driver here run/);
    } finally {
      useTensorflowFrom(tensorflowFolder);
    }
  });

  test('every wheel is named by its own version and a SHA-256', () => {
    for (const { project, version, file, sha256 } of [...cpuWheels, ...cudaWheels]) {
      expect(file.startsWith(`${project.replaceAll('-', '_')}-${version}-`), file).toBe(true);
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test('of a wheel only libraries and the C headers are taken', () => {
    expect(isNeeded('tensorflow/include/tensorflow/c/eager/c_api.h')).toBe(true);
    expect(isNeeded('nvidia/cublas/lib/libcublas.so.12')).toBe(true);
    expect(isNeeded('nvidia/cublas/include/cublas.h')).toBe(false);
    expect(isNeeded('tensorflow/python/_pywrap_tensorflow_internal.so')).toBe(false);
    expect(isNeeded('tensorflow/include/tensorflow/cc/ops.h')).toBe(false);
  });
});

describe('running a program', () => {
  test('gives its output, or the last lines of a failure', async () => {
    expect(await reallyRun(process.execPath, ['-e', 'console.log("out")'])).toBe('out\n');
    const failing = reallyRun(process.execPath, ['-e', 'console.log("out"); console.error("err"); process.exit(3)']);
    await expect(failing).rejects.toMatchObject({ name: 'CommandFailed', tail: 'out\n\nerr' });
    await expect(reallyRun('/no/such/program', [])).rejects.toBeInstanceOf(CommandFailed);
  });

  test('ends with its signal', async () => {
    const interruption = new AbortController();
    const waiting = reallyRun(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], {
      signal: interruption.signal,
    });
    interruption.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
