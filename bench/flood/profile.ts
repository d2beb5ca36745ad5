/**
 * Whose the processor time of this thread is: V8's sampling profiler, each sample given to the folder of ours, or the package,
 * that the innermost frame with a name belongs to. Native work (SQLite, hashing) counts for whoever called it.
 */
import { Session, type Profiler } from 'node:inspector/promises';

/** ms by owner: `src/bot`, `whatsapp-web.js`, `puppeteer-core`, `node`, `gc`, ... */
export type Owners = Record<string, number>;

/** SQLite's wrapper, and what only calls others: time in them is their caller's. */
const passedThrough = /better-sqlite3|^node:|^$/;

export interface Profiling {
  /** @returns ms by owner since the start, most first, and the same by function of ours */
  stop: () => Promise<{ owners: Owners; functions: Owners }>;
}

/** @param intervalUs between two samples */
export async function startProfiling(intervalUs = 500): Promise<Profiling> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: intervalUs });
  await session.post('Profiler.start');
  return {
    stop: async () => {
      const { profile } = await session.post('Profiler.stop');
      session.disconnect();
      return summary(profile);
    },
  };
}

function summary({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): { owners: Owners; functions: Owners } {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parent = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const owners: Owners = {};
  const functions: Owners = {};
  samples.forEach((id, i) => {
    const ms = (timeDeltas[i] ?? 0) / 1000;
    const path: Profiler.ProfileNode[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parent.get(at)) path.push(byId.get(at)!);
    const { functionName } = path[0]!.callFrame;
    if (functionName === '(idle)') return;
    const named = path.find(({ callFrame: { url } }) => !passedThrough.test(url) && !url.startsWith('node:'));
    const owner = functionName === '(garbage collector)' ? 'gc' : ownerOf(named?.callFrame.url);
    owners[owner] = (owners[owner] ?? 0) + ms;
    if (named !== undefined && owner.startsWith('src/')) {
      const leaf = path[0] === named ? '' : ` > ${functionName}`;
      const label = `${fileOf(named.callFrame.url)} ${named.callFrame.functionName}${leaf}`;
      functions[label] = (functions[label] ?? 0) + ms;
    }
  });
  return { owners: sorted(owners), functions: sorted(functions, 40) };
}

/** `.../dist/src/bot/record.js` -> `src/bot`; a package's name; `node` where nothing has a name. */
function ownerOf(url: string | undefined): string {
  if (url === undefined) return 'node';
  const ours = /\/dist\/(src\/[^/]+|bench)\//.exec(url);
  if (ours !== null) return ours[1]!;
  const packages = [...url.matchAll(/\/node_modules\/((?:@[^/]+\/)?[^/]+)/g)];
  return packages.at(-1)?.[1] ?? 'node';
}

function fileOf(url: string): string {
  return /\/dist\/(.*)$/.exec(url)?.[1] ?? url;
}

function sorted(values: Owners, most = Number.POSITIVE_INFINITY): Owners {
  const entries = Object.entries(values).sort(([, a], [, b]) => b - a);
  return Object.fromEntries(entries.slice(0, most).map(([name, ms]) => [name, Math.round(ms * 10) / 10]));
}
