/**
 * `npm run setup:gpu`: TensorFlow as a backend, for the GPU where an NVIDIA driver is here, else for the CPU.
 * Options: --cpu or --cuda to choose, --force to do it again, --remove to take it away.
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { tensorflowFolder } from '../src/model/tensorflow.ts';
import { run } from '../src/setup/command.ts';
import { installed, removeTensorflow, setUpTensorflow } from '../src/setup/install.ts';
import { wheelCache } from '../src/setup/wheels.ts';
import { ExitCode, UserError } from '../src/util/errors.ts';
import { explainFault } from './explain.ts';

const names = { cpu: 'native', cuda: 'cuda' } as const;

async function main(): Promise<number> {
  const interruption = new AbortController();
  let signalled: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      signalled = signal;
      interruption.abort();
    });
  }
  try {
    const { values } = parseArgs({
      options: {
        cpu: { type: 'boolean', default: false },
        cuda: { type: 'boolean', default: false },
        force: { type: 'boolean', default: false },
        remove: { type: 'boolean', default: false },
      },
    });
    if (values.remove) {
      removeTensorflow(tensorflowFolder);
      console.log('TensorFlow is not set up any more.');
      return ExitCode.ok;
    }
    const driver = existsSync('/proc/driver/nvidia/version');
    const build = values.cuda || (driver && !values.cpu) ? 'cuda' : 'cpu';
    const before = installed(tensorflowFolder);
    if (before?.build === build && !values.force) {
      console.log(
        `TensorFlow ${before.tensorflow} is set up already (backend ${names[build]}); --force does it again.`,
      );
      return ExitCode.ok;
    }
    console.log(
      driver
        ? `An NVIDIA driver is here; TensorFlow is set up for the ${build === 'cuda' ? 'GPU' : 'CPU, as asked'}.`
        : `No NVIDIA driver is here; TensorFlow is set up for the ${build === 'cuda' ? 'GPU all the same, as asked' : 'CPU'}.`,
    );
    const start = performance.now();
    const { device } = await setUpTensorflow({
      build,
      folder: tensorflowFolder,
      cache: wheelCache(),
      run,
      say: (line) => console.log(line),
      signal: interruption.signal,
    });
    const seconds = Math.round((performance.now() - start) / 1000);
    console.log(`Backend ${names[build]} is ready after ${seconds} s: ${device}. \`npm run doctor\` shows its speed.`);
    return ExitCode.ok;
  } catch (thrown) {
    if (signalled !== undefined) {
      process.stderr.write('setup:gpu: interrupted; everything is as it was before\n');
      return 128 + (signalled === 'SIGINT' ? 2 : signalled === 'SIGTERM' ? 15 : 1);
    }
    const error = explainFault(thrown);
    if (error instanceof UserError) {
      process.stderr.write(`setup:gpu: ${error.message}\n  -> ${error.hint}\n`);
      return error.exitCode;
    }
    if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
      process.stderr.write(`setup:gpu: ${error.message}\n`);
      return ExitCode.usage;
    }
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return ExitCode.fault;
  }
}

process.exitCode = await main();
