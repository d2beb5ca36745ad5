/**
 * A busy channel -> what two people said to each other. A message that begins with a nick of the channel (`nick: ...`,
 * `nick, ...`) is for that one; one without is for whom its author was last talking with, if that was at most `freshTurns`
 * of the channel's messages ago. The nick in front is dropped, so a thread reads as a chat of two does.
 * A heuristic, not the annotated disentanglement of Kummerfeld et al. 2019; what it cannot place is left out.
 */
import type { Dialogue, Turn } from './dialogue.ts';

const freshTurns = 60;
/** a thread ends where neither of the two said anything to the other for this many messages of the channel */
const quietTurns = 200;
const minTurns = 4;
/** the channel's bots, and what people say to them */
const bots = /^(?:ubotu|ubottu|ubot\d*|ubotwo|lubotu\d*|uboto|chanserv|floodbot\w*|dpkg|fluxbuntu)$/i;
const isCommand = (text: string): boolean => /^[!/]/.test(text);
const addressed = /^([^\s:,]{2,20})[:,]\s+(?=\S)/;

interface Thread {
  turns: Turn[];
  lastAt: number;
}

export function disentangle({ id, turns }: Dialogue): Dialogue[] {
  const nicks = new Map(turns.map(({ s }) => [s.toLowerCase(), s]));
  const talkingWith = new Map<string, { nick: string; at: number }>();
  const open = new Map<string, Thread>();
  const done: Thread[] = [];

  turns.forEach(({ s, t, ts }, at) => {
    if (bots.test(s) || isCommand(t)) return;
    const match = addressed.exec(t);
    const named = match?.[1] === undefined ? undefined : nicks.get(match[1].toLowerCase());
    const last = talkingWith.get(s);
    const to = named ?? (last !== undefined && at - last.at <= freshTurns ? last.nick : undefined);
    if (to === undefined || to === s || bots.test(to)) return;
    talkingWith.set(s, { nick: to, at });
    if (talkingWith.get(to) === undefined || named !== undefined) talkingWith.set(to, { nick: s, at });
    const key = [s, to].sort().join('\n');
    let thread = open.get(key);
    if (thread === undefined || at - thread.lastAt > quietTurns) {
      if (thread !== undefined) done.push(thread);
      thread = { turns: [], lastAt: at };
      open.set(key, thread);
    }
    thread.turns.push({
      s,
      t: named === undefined ? t : t.slice(match![0].length),
      ...(ts === undefined ? {} : { ts }),
    });
    thread.lastAt = at;
  });
  return [...done, ...open.values()]
    .filter((thread) => thread.turns.length >= minTurns && new Set(thread.turns.map(({ s }) => s)).size === 2)
    .map((thread, i) => ({ id: `${id}-${i}`, turns: thread.turns }));
}
