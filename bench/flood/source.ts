/**
 * Where the flood comes from: whatsapp-web.js in Chromium, or the events of such a run once more, at the same times and
 * without either, so that what is measured then is ours and nothing else's.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { InboundMessage } from '../../src/types.ts';
import { silentLog } from '../../src/util/log.ts';
import { openWhatsApp } from '../../src/whatsapp/client.ts';
import type { Phone } from './bot.ts';

export interface Listener {
  onQr: () => void;
  onReady: (account: { aliases: string[] }) => void;
  onMessage: (message: InboundMessage) => void;
}

export interface Source {
  phone: Phone;
  /** Messages are about to come: the first of them to warm up, then the flood. */
  begin: () => void;
  close: () => Promise<void>;
}

interface Recording {
  account: { aliases: string[] };
  /** by beginning: ms since then, and what came */
  phases: [atMs: number, message: InboundMessage][][];
}

/** @param recordingFile where the events are written when it closes; null: nowhere */
export async function openBrowserSource(
  options: { folder: string; executablePath: string; args: string[]; recordingFile: string | null },
  { onQr, onReady, onMessage }: Listener,
): Promise<Source> {
  const { folder, executablePath, args, recordingFile } = options;
  const recording: Recording = { account: { aliases: [] }, phases: [] };
  let beganMs = Number.NaN;
  const client = await openWhatsApp({
    sessionDir: join(folder, 'session'),
    browser: { executablePath, args },
    log: silentLog,
    events: {
      onQr,
      onReady: (account) => {
        recording.account = account;
        onReady(account);
      },
      onMessage: (message) => {
        if (recordingFile !== null) recording.phases.at(-1)?.push([performance.now() - beganMs, message]);
        onMessage(message);
      },
      onEdit: () => undefined,
      onRevoke: () => undefined,
      onReaction: () => undefined,
      onState: () => undefined,
      onFatal: (error) => {
        throw error;
      },
    },
  });
  return {
    phone: client,
    begin: () => {
      beganMs = performance.now();
      recording.phases.push([]);
    },
    close: async () => {
      if (recordingFile !== null) writeFileSync(recordingFile, JSON.stringify(recording));
      await client.close();
    },
  };
}

/** Is ready at once. What is sent is taken and forgotten. */
export function openRecording(file: string, { onReady, onMessage }: Listener): Source {
  const { account, phases } = JSON.parse(readFileSync(file, 'utf8')) as Recording;
  onReady(account);
  let sent = 0;
  let phase = 0;
  const play = async (): Promise<void> => {
    const beganMs = performance.now();
    for (const [atMs, message] of phases[phase++] ?? []) {
      const waitMs = beganMs + atMs - performance.now();
      if (waitMs >= 1) await sleep(waitMs);
      onMessage({ ...message, timestampMs: Math.floor(Date.now() / 1000) * 1000 });
    }
  };
  return {
    phone: {
      send: (chatId) => Promise.resolve(`true_${chatId}_3B${String(++sent).padStart(8, '0')}`),
      sendFile: () => Promise.reject(new Error('nothing here sends files')),
      setTyping: () => Promise.resolve(),
      aliases: (id) => Promise.resolve([id]),
    },
    begin: () => void play(),
    close: () => Promise.resolve(),
  };
}
