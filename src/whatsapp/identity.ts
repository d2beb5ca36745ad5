/**
 * One person, several ids: WhatsApp delivers the same person as a phone number (`…@c.us`) or as a hidden id (`…@lid`).
 * Remembers which ids belong together. Asking WhatsApp often is said to raise the odds of a ban, so an answer is kept
 * for the life of the process, "nothing known" for an hour, and one question at a time is asked about an id.
 * Not covered: a number that changes hands while the process runs.
 */

export interface Identity {
  /** all known ids of a person, the asked one first; those known so far where WhatsApp cannot be asked now */
  aliases(id: string): Promise<string[]>;
  /** these ids belong to one person */
  learn(ids: readonly string[]): void;
}

const unknownForMs = 3_600_000;

/** Ids of people; groups, lists and channels have one id only. */
export function isPersonId(id: string): boolean {
  return id.endsWith('@c.us') || id.endsWith('@lid');
}

/**
 * @param lookup asks WhatsApp for all ids of a person
 * @param now unix ms
 */
export function createIdentity(
  lookup: (id: string) => Promise<readonly string[]>,
  now: () => number = Date.now,
): Identity {
  const groups = new Map<string, Set<string>>();
  const askedAtMs = new Map<string, number>();
  const asking = new Map<string, Promise<void>>();

  const learn = (ids: readonly string[]): void => {
    const people = ids.filter(isPersonId);
    const known = people[0] === undefined ? undefined : groups.get(people[0]);
    if (known !== undefined && people.every((id) => known.has(id))) return; // said with every message
    const merged = new Set([...people, ...people.flatMap((id) => [...(groups.get(id) ?? [])])]);
    for (const id of merged) groups.set(id, merged);
  };

  const ask = async (id: string): Promise<void> => {
    try {
      learn([id, ...(await lookup(id))]);
      askedAtMs.set(id, now());
    } finally {
      asking.delete(id);
    }
  };

  const isSettled = (id: string): boolean => {
    const both = (groups.get(id)?.size ?? 0) > 1;
    return both || now() - (askedAtMs.get(id) ?? -Infinity) < unknownForMs;
  };

  const aliases = async (id: string): Promise<string[]> => {
    if (!isPersonId(id)) return [id];
    if (!isSettled(id)) {
      const question = asking.get(id) ?? ask(id);
      if (!asking.has(id)) asking.set(id, question);
      await question.catch(() => undefined); // asked again next time
    }
    return [id, ...[...(groups.get(id) ?? [])].filter((other) => other !== id)];
  };

  return { aliases, learn };
}
