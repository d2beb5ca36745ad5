/**
 * Memory of a process with all that it started, from Linux's /proc: anonymous and shared memory, without the pages of
 * files (programs and libraries), which processes share. Elsewhere nothing is known.
 */
import { readdirSync, readFileSync } from 'node:fs';

interface Process {
  parent: number;
  bytes: number;
}

/** Bytes of this process alone; undefined where /proc does not tell. */
export function memoryOf(pid: number): number | undefined {
  return readProcess(pid)?.bytes;
}

/** Bytes of this process and everything below it; undefined where /proc does not tell, or where it has ended. */
export function memoryOfTree(root: number): number | undefined {
  const top = readProcess(root);
  if (top === undefined) return undefined;
  const children = new Map<number, { pid: number; bytes: number }[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const found = Number.isInteger(pid) && pid !== root ? readProcess(pid) : undefined;
    if (found === undefined) continue;
    const siblings = children.get(found.parent) ?? [];
    siblings.push({ pid, bytes: found.bytes });
    children.set(found.parent, siblings);
  }
  let total = top.bytes;
  const open = [root];
  for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
    for (const child of children.get(pid) ?? []) {
      total += child.bytes;
      open.push(child.pid);
    }
  }
  return total;
}

function readProcess(pid: number): Process | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    return { parent: field('PPid'), bytes: (field('RssAnon') + field('RssShmem')) * 1024 };
  } catch {
    return undefined; // no /proc, or ended meanwhile
  }
}
