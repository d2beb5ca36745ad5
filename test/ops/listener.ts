/** What a service manager would hear: a listener on a Unix datagram socket, in Python, since Node has none. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = `
import socket, sys, json
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    print(json.dumps(s.recv(65536).decode()), flush=True)
`;

/** Why nobody can listen here; '' where it works. */
export function noListener(): string {
  const has = (command: string): boolean => spawnSync(command, ['--version']).status === 0;
  if (!has('systemd-notify')) return 'systemd-notify is missing';
  return has('python3') ? '' : 'python3 is missing, and Node cannot listen on a datagram socket';
}

export interface Listener {
  socket: string;
  /** one entry a field: `READY=1`; messages about file descriptors left out */
  heard: string[];
  stop(): void;
}

export async function listen(): Promise<Listener> {
  const dir = mkdtempSync(join(tmpdir(), 'persona-notify-'));
  const socket = join(dir, 'socket');
  const heard: string[] = [];
  const child = spawn('python3', ['-c', program, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  let rest = '';
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (piece: Buffer) => {
      const lines = (rest + piece.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === 'listening') resolve();
        else
          heard.push(
            ...(JSON.parse(line) as string).split('\n').filter((field) => !/^$|^BARRIER=|^FDSTORE=/.test(field)),
          );
      }
    });
  });
  return {
    socket,
    heard,
    stop: () => {
      child.kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
