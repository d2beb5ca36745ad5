/**
 * The child's side of the protocol (child.ts) in Node: a request is `{"do": name, ...}`, the answer of the handler of that
 * name is the reply. What libraries print goes to stderr. Ends when stdin closes.
 */
import { createInterface } from 'node:readline';
export function serve(handlers) {
    console.log = console.error;
    console.info = console.error;
    const answer = async (line) => {
        try {
            const message = JSON.parse(line);
            const handler = handlers[message.do];
            if (!handler)
                throw new Error(`no handler for "${message.do}"`);
            return { reply: (await handler(message)) ?? null };
        }
        catch (error) {
            return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
        }
    };
    let last = Promise.resolve();
    const lines = createInterface({ input: process.stdin });
    lines.on('line', (line) => {
        last = last.then(async () => void process.stdout.write(`${JSON.stringify(await answer(line))}\n`));
    });
    lines.on('close', () => process.exit(0));
}
