/** A store whose writes fail from a chosen one on, as on a full disk: SQLite refuses each of them and keeps what it has. */
import type { Store } from '../../src/store/store.ts';

export interface Disk {
  /** writes that still succeed; Infinity: there is room */
  writesLeft: number;
}

type Method = (...args: never[]) => unknown;

/** Let the writing methods of this store fail once the disk has no room. Reading goes on. */
export function onDisk(store: Store, disk: Disk): void {
  const spend = (): void => {
    if (disk.writesLeft <= 0) throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    disk.writesLeft--;
  };
  const guard = <T extends object>(owner: T, names: readonly (keyof T)[], isWrite = (..._: never[]) => true): void => {
    for (const name of names) {
      const method = owner[name] as Method;
      const guarded: Method = (...args) => {
        if (isWrite(...args)) spend();
        return Reflect.apply(method, owner, args);
      };
      Object.defineProperty(owner, name, { value: guarded, configurable: true });
    }
  };
  guard(store, ['transaction', 'forget']);
  guard(store.consent, ['append']);
  guard(store.chats, ['resolve', 'set', 'addMember']);
  guard(store.messages, ['add', 'addMany', 'edit', 'erase']);
  guard(store.reactions, ['set']);
  guard(store.outbox, ['begin', 'sent', 'failed', 'unknown', 'claim', 'recover']);
  guard(store.replies, ['add']);
  guard(store.settings, ['set', 'delete']);
  guard(store.people, ['setName']);
  guard(store.people, ['resolve'], (aliases: readonly string[]) => {
    const known = new Set(aliases.map((alias) => store.people.find(alias)));
    return known.size > 1 || known.has(undefined);
  });
}
