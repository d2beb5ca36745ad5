/**
 * The child's side of the protocol (child.ts) in Node: a request is `{"do": name, ...}`, the answer of the handler of that
 * name is the reply. What libraries print goes to stderr. Ends when stdin closes.
 */
import { createInterface } from 'node:readline';

export type Handlers = Record<string, (message: never) => Promise<unknown>>;

export function serve(handlers: Handlers): void {
  console.log = console.error;
  console.info = console.error;
  const answer = async (line: string): Promise<object> => {
    try {
      const message = JSON.parse(line) as { do: string };
      const handler = handlers[message.do];
      if (!handler) throw new Error(`no handler for "${message.do}"`);
      return { reply: (await handler(message as never)) ?? null };
    } catch (error) {
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
