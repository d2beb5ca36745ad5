/**
 * The thread that the network runs in, so that the bot's event loop stays free. Takes requests from voice.ts and
 * answers them one at a time, in order. Started by voice.ts only, from dist.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { check } from '../util/errors.ts';
import { toPlainError, type FromWorker, type ToWorker, type WorkerSettings } from './protocol.ts';
import { createSpeaker } from './speaker.ts';

check(parentPort, 'worker.ts runs as a worker thread');
const port = parentPort;
const post = (message: FromWorker): void => port.postMessage(message);

const speaker = createSpeaker(workerData as WorkerSettings, (notice) => post({ type: 'notice', notice }));

async function answer({ id, request }: ToWorker): Promise<void> {
  try {
    post({ type: 'spoken', id, spoken: await speaker.speak(request) });
  } catch (error) {
    post({ type: 'failed', id, error: toPlainError(error) });
  }
}

let previous: Promise<void> = Promise.resolve();
port.on('message', (message: ToWorker) => {
  previous = previous.then(() => answer(message));
});
