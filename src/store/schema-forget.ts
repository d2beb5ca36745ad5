/** Migration 3: what stays when somebody is forgotten. Nothing here can be turned back into words, names or numbers. */

export const forgetTables = `
-- a keyed hash (16 bytes of HMAC-SHA256, key in settings) of what an import may not bring back: an id, a name, a message
CREATE TABLE tombstones (
  hash BLOB NOT NULL,
  -- whose it is, so that their own new consent lifts it; 0: nobody whom this store knows
  person_id INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('alias', 'name', 'message')),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (hash, person_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_person ON tombstones(person_id);

-- what was erased and which models were retired: counts, ids of runs and figures, as JSON
CREATE TABLE receipts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- the person's row, which holds no name any more; null: everything was erased
  person_id INTEGER REFERENCES people(id),
  begun_ms INTEGER NOT NULL,
  -- null: begun and not finished yet
  finished_ms INTEGER,
  report TEXT NOT NULL
) STRICT;
`;
