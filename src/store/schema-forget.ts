/** Migration 3: what stays when somebody is forgotten. Nothing here can be turned back into words, names or numbers. */

export const forgetTables = `
-- a keyed hash (HMAC-SHA256, key in settings) of what an import may not bring back: an id, a name, a message
CREATE TABLE tombstones (
  hash TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('alias', 'name', 'message')),
  at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- what was erased and which models were retired: counts, ids of runs and figures, as JSON
CREATE TABLE receipts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- the person's row, which holds no name any more; null: everything was erased
  person_id INTEGER REFERENCES people(id),
  at_ms INTEGER NOT NULL,
  report TEXT NOT NULL
) STRICT;
`;
