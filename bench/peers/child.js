/**
 * A contender of a bench as a process of its own: it starts once, gets ready, and then works on request, so that rounds can
 * alternate between contenders without paying start-up, and memory and CPU time can be read from outside, the same way for
 * Node and Python. Requests and replies are JSON, one a line, on stdin and stdout (serve.ts, protocol.py).
 * Children and temporary folders are gone when the bench ends, however it ends; a child also ends when its stdin closes.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
const children = new Set();
const folders = new Set();
/** A temporary folder that is removed when the bench ends. */
export function temporaryFolder() {
    onEnd();
    const folder = mkdtempSync(join(tmpdir(), 'persona-bench-'));
    folders.add(folder);
    return folder;
}
/** Starts `command`, which speaks the protocol. `env` is added to this process's own. */
export function startChild(command, args, env = {}) {
    onEnd();
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    children.add(child);
    let said = '';
    let ended = null;
    let waiting = null;
    const settle = (error, reply) => {
        const current = waiting;
        waiting = null;
        if (error)
            current?.reject(error);
        else
            current?.resolve(reply);
    };
    child.stderr.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-2000)));
    createInterface({ input: child.stdout }).on('line', (line) => {
        if (!line.startsWith('{"reply":') && !line.startsWith('{"error":'))
            return; // a library that greets
        const { reply, error } = JSON.parse(line);
        settle(error === undefined ? null : new Error(error), reply);
    });
    const end = (why) => {
        ended ??= `${command} ${args[0] ?? ''} ${why}: ${said.trim() || 'it said nothing'}`;
        children.delete(child);
        settle(new Error(ended));
    };
    child.on('error', (error) => end(error.message));
    child.on('exit', (code, signal) => end(`ended with ${signal ?? code}`));
    child.stdin.on('error', () => undefined); // told by 'exit'
    return {
        request(message, timeoutSeconds = 120) {
            if (ended !== null)
                return Promise.reject(new Error(ended));
            return new Promise((resolve, reject) => {
                const timer = setTimeout(() => {
                    ended = `${command} ${args[0] ?? ''} did not answer ${JSON.stringify(message)} in ${timeoutSeconds} s`;
                    child.kill('SIGKILL');
                    settle(new Error(ended));
                }, timeoutSeconds * 1000);
                const done = (then) => {
                    return (value) => {
                        clearTimeout(timer);
                        then(value);
                    };
                };
                waiting = { resolve: done(resolve), reject: done(reject) };
                child.stdin.write(`${JSON.stringify(message)}\n`);
            });
        },
        usage: () => usageOf(child.pid ?? 0),
        close() {
            ended ??= `${command} was closed`;
            child.kill('SIGKILL');
        },
    };
}
function usageOf(pid) {
    try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const mebibytes = (name) => Math.round((10 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])) / 1024) / 10;
        // fields 14 and 15 of proc(5), counted from behind the name, in ticks of 10 ms (USER_HZ)
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const ticks = Number(fields[11]) + Number(fields[12]);
        return { rssMiB: mebibytes('VmRSS'), peakMiB: mebibytes('VmHWM'), cpuSeconds: ticks / 100 };
    }
    catch {
        return { rssMiB: null, peakMiB: null, cpuSeconds: null };
    }
}
let watching = false;
/** Once: whatever ends this process ends its children and removes its folders. */
function onEnd() {
    if (watching)
        return;
    watching = true;
    process.on('exit', () => {
        for (const child of children)
            child.kill('SIGKILL');
        for (const folder of folders)
            rmSync(folder, { recursive: true, force: true });
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
        process.on(signal, () => process.exit(1));
}
