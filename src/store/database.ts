/**
 * The one place that opens SQLite. From 24.19 on, Node aborts the process when its collector frees a better-sqlite3 12
 * object (its ObjectWrap then asks for an environment that is not there); 13 is free of that but not for Node 20. So
 * what was opened or prepared here is kept until the process ends: a fixed number of statements for each open.
 */
import Sqlite from 'better-sqlite3';
import type { Database, Options, PragmaOptions, Statement } from 'better-sqlite3';

/** never emptied, also not by `close()`: a closed handle is as dangerous to the collector as an open one */
const kept = new Set<Database | Statement>();

/** Open a database file. Statements are to be prepared once, not for each use; pragmas are cached by their text. */
export function openSqlite(file: string, options?: Options): Database {
  const db = new Sqlite(file, options);
  kept.add(db);
  const prepareFresh = db.prepare.bind(db);
  const prepare = (sql: string): Statement => {
    const statement = prepareFresh(sql);
    kept.add(statement);
    return statement;
  };
  const pragmas = new Map<string, Statement>();
  const pragma = (source: string, { simple = false }: PragmaOptions = {}): unknown => {
    const statement = pragmas.get(source) ?? prepare(`PRAGMA ${source}`);
    pragmas.set(source, statement);
    if (!statement.reader) return void statement.run();
    return simple ? statement.pluck().get() : statement.pluck(false).all();
  };
  return Object.assign(db, { prepare, pragma });
}
