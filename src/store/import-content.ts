/** What of an exported message is kept, and when it was written. */
import type { ExportMessage, MediaKind } from '../types.ts';

/** Text and media that are worth keeping; undefined for calls, polls, deleted messages and contact cards. */
export function contentOf(message: ExportMessage): { text: string; media: MediaKind | null } | undefined {
  switch (message.kind) {
    case 'text':
      return { text: message.text, media: null };
    case 'edited': // the mark that WhatsApp appends is no part of what the person wrote
      return { text: message.text.replace(/\s*\u200e?<[^<>]*>$/u, ''), media: null };
    case 'media': {
      const caption = message.text.split('\n').slice(1).join('\n');
      return { text: caption, media: message.media ?? 'file' };
    }
    case 'location':
      return { text: '', media: 'location' };
    case 'system':
    case 'deleted':
    case 'call':
    case 'poll':
    case 'contact':
      return undefined;
  }
}

/** The instant where the file gives one, else those that its local time may be. */
export function timesOf(message: ExportMessage, toTimes: (ts: string) => number[]): number[] {
  return message.timestampMs === undefined ? toTimes(message.ts) : [message.timestampMs];
}
