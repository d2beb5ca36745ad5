/** Migration 4: what a night tells while it runs, what probes found, and the blind quiz. No message text. */

export const nightTables = `
-- one row while a night runs, for others to read: phase, share, seconds left, as JSON
CREATE TABLE night_progress (
  role TEXT PRIMARY KEY,
  pid INTEGER NOT NULL,
  started_at_ms INTEGER NOT NULL,
  updated_at_ms INTEGER NOT NULL,
  progress TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- what a probe run with planted canaries remembered of them (nightly/probe.ts): numbers, as JSON
CREATE TABLE probes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  report TEXT NOT NULL
) STRICT;

-- a held-out reply beside a sampled one: which message it was, and whether the person told them apart
CREATE TABLE quiz_answers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id TEXT NOT NULL,
  message_id INTEGER REFERENCES messages(id) ON DELETE SET NULL,
  is_right INTEGER NOT NULL CHECK (is_right IN (0, 1)),
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX quiz_answers_run ON quiz_answers(run_id);
CREATE INDEX quiz_answers_message ON quiz_answers(message_id);

-- replies that the owner asked for again; gone with the outbox row
CREATE TABLE again_requests (
  outbox_id INTEGER PRIMARY KEY REFERENCES outbox(id) ON DELETE CASCADE,
  at_ms INTEGER NOT NULL
) STRICT;
`;
