/**
 * The thread that the network runs in, so that the bot's event loop stays free. Takes requests from voice.ts and
 * answers them one at a time, in order. Started by voice.ts only, from dist.
 */
import { constants, getPriority, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { check } from '../util/errors.ts';
import { toPlainError, type Answer, type FromWorker, type Question } from './protocol.ts';
import type { ToWorker, WorkerSettings } from './protocol.ts';
import { createSpeaker } from './speaker.ts';

check(parentPort, 'worker.ts runs as a worker thread');
const port = parentPort;
const post = (message: FromWorker): void => port.postMessage(message);

const settings = workerData as WorkerSettings;
// on Linux 0 is this thread, with the threads that it starts; elsewhere it would be the whole program
if (settings.isPolite === true && process.platform === 'linux') {
  setPriority(0, Math.max(getPriority(0), constants.priority.PRIORITY_BELOW_NORMAL)); // raising it is not ours to do
}
const speaker = createSpeaker(settings, (notice) => post({ type: 'notice', notice }));

function answerTo({ kind, request }: Question): Promise<Answer> {
  switch (kind) {
    case 'speak':
      return speaker.speak(request);
    case 'explain':
      return speaker.explain(request);
    case 'trace':
      return speaker.trace(request);
  }
}

async function answer({ id, question }: ToWorker): Promise<void> {
  try {
    post({ type: 'answered', id, answer: await answerTo(question) });
  } catch (error) {
    post({ type: 'failed', id, error: toPlainError(error) });
  }
}

let previous: Promise<void> = Promise.resolve();
port.on('message', (message: ToWorker) => {
  previous = previous.then(() => answer(message));
});
