/**
 * The database schema as numbered migrations, oldest first. A published migration is never edited: a change is a new
 * one. Times are unix ms, ids integers, texts UTF-8. STRICT tables: SQLite refuses a value of the wrong type.
 */

import { forgetTables } from './schema-forget.ts';
import { nightTables } from './schema-night.ts';
import { reviewTables } from './schema-review.ts';

export interface Migration {
  /** value of `user_version` once it has run; 1, 2, 3, ... */
  version: number;
  sql: string;
}

/** `application_id` of our files ("PERS"), so that another program's database is not taken for ours. */
export const applicationId = 0x50455253;

const first = `
-- a person is one human being, whatever ids WhatsApp delivers for them
CREATE TABLE people (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL DEFAULT '',
  merged_into INTEGER REFERENCES people(id)
) STRICT;
CREATE TABLE aliases (
  alias TEXT PRIMARY KEY,
  person_id INTEGER NOT NULL REFERENCES people(id)
) STRICT, WITHOUT ROWID;
CREATE INDEX aliases_person ON aliases(person_id);

CREATE TABLE consent_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  person_id INTEGER NOT NULL REFERENCES people(id),
  scope TEXT NOT NULL CHECK (scope IN ('log', 'imitate')),
  action TEXT NOT NULL CHECK (action IN ('asked', 'granted', 'declined', 'withdrawn', 'forgotten', 'attested')),
  at_ms INTEGER NOT NULL,
  notice_hash TEXT NOT NULL,
  chat_id INTEGER REFERENCES chats(id)
) STRICT;
CREATE INDEX consent_events_person ON consent_events(person_id, id);
CREATE TRIGGER consent_events_no_update BEFORE UPDATE ON consent_events
  BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only: UPDATE refused'); END;
CREATE TRIGGER consent_events_no_delete BEFORE DELETE ON consent_events
  BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only: DELETE refused'); END;
CREATE TRIGGER consent_events_no_replace BEFORE INSERT ON consent_events
  WHEN EXISTS (SELECT 1 FROM consent_events WHERE id = NEW.id)
  BEGIN SELECT RAISE(ABORT, 'the consent ledger is append-only: REPLACE refused'); END;

CREATE TABLE chats (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('direct', 'self', 'group', 'status', 'broadcast', 'newsletter')),
  collect INTEGER NOT NULL DEFAULT 0 CHECK (collect IN (0, 1)),
  bot INTEGER NOT NULL DEFAULT 0 CHECK (bot IN (0, 1)),
  collect_since_ms INTEGER,
  disclosed_at_ms INTEGER
) STRICT;
CREATE TABLE chat_members (
  chat_id INTEGER NOT NULL REFERENCES chats(id),
  person_id INTEGER NOT NULL REFERENCES people(id),
  PRIMARY KEY (chat_id, person_id)
) STRICT, WITHOUT ROWID;

-- id is the order of arrival; timestamp_ms is what WhatsApp or the export says
CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  chat_id INTEGER NOT NULL REFERENCES chats(id),
  from_me INTEGER NOT NULL CHECK (from_me IN (0, 1)),
  wa_id TEXT NOT NULL,
  person_id INTEGER NOT NULL REFERENCES people(id),
  origin TEXT NOT NULL CHECK (origin IN ('live', 'import', 'bot')),
  timestamp_ms INTEGER NOT NULL,
  minute_precision INTEGER NOT NULL CHECK (minute_precision IN (0, 1)),
  kind TEXT NOT NULL,
  text TEXT NOT NULL,
  media TEXT,
  quoted_wa_id TEXT,
  edited_at_ms INTEGER,
  UNIQUE (chat_id, from_me, wa_id)
) STRICT;
CREATE INDEX messages_by_time ON messages(chat_id, timestamp_ms, id);
CREATE INDEX messages_by_wa_id ON messages(chat_id, wa_id);
CREATE INDEX messages_by_person ON messages(person_id, chat_id);

-- when a message was edited; what it said before is not kept anywhere
CREATE TABLE edits (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX edits_message ON edits(message_id);

CREATE TABLE reactions (
  chat_id INTEGER NOT NULL REFERENCES chats(id),
  message_wa_id TEXT NOT NULL,
  person_id INTEGER NOT NULL REFERENCES people(id),
  emoji TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (chat_id, message_wa_id, person_id)
) STRICT, WITHOUT ROWID;

-- hashes of six-word runs, and of whole messages of up to five words (util/phrases.ts)
CREATE TABLE phrases (
  hash INTEGER NOT NULL,
  chat_id INTEGER NOT NULL,
  message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  PRIMARY KEY (hash, chat_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX phrases_message ON phrases(message_id);
CREATE TABLE short_messages (
  hash INTEGER NOT NULL,
  chat_id INTEGER NOT NULL,
  message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  PRIMARY KEY (hash, chat_id, message_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX short_messages_message ON short_messages(message_id);

-- a row is committed before anything is sent; it holds a hash of the text, never the text
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  chat_id INTEGER NOT NULL REFERENCES chats(id),
  kind TEXT NOT NULL CHECK (kind IN ('reply', 'notice', 'ack')),
  in_reply_to TEXT,
  text_hash TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'sent', 'failed', 'unknown')),
  wa_id TEXT,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX outbox_one_reply ON outbox(chat_id, in_reply_to)
  WHERE kind = 'reply' AND state <> 'failed' AND in_reply_to IS NOT NULL;
CREATE INDEX outbox_by_wa_id ON outbox(chat_id, wa_id);
CREATE INDEX outbox_by_time ON outbox(kind, at_ms);

CREATE TABLE replies (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  chat_id INTEGER NOT NULL REFERENCES chats(id),
  in_reply_to TEXT NOT NULL,
  run_id TEXT NOT NULL,
  backend TEXT NOT NULL,
  seed INTEGER NOT NULL,
  sampling TEXT NOT NULL,
  prompt_row_ids TEXT NOT NULL,
  prompt_hash TEXT NOT NULL,
  bubbles TEXT NOT NULL,
  latency_ms REAL NOT NULL,
  outbox_id INTEGER NOT NULL REFERENCES outbox(id)
) STRICT;
CREATE INDEX replies_outbox ON replies(outbox_id);
CREATE INDEX replies_chat ON replies(chat_id, in_reply_to);

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  started_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('promoted', 'kept', 'skipped')),
  reason TEXT NOT NULL,
  report TEXT NOT NULL
) STRICT;
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

const second = `
-- an imported chat: written by many short transactions, seen by nobody until finished_ms is set
CREATE TABLE imports (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  chat_id INTEGER NOT NULL REFERENCES chats(id),
  started_ms INTEGER NOT NULL,
  finished_ms INTEGER,
  -- its rows have ids above this one
  after_id INTEGER NOT NULL,
  -- chat, people and ids that were made for it: {"chat":boolean,"people":[id],"aliases":[alias]}
  made TEXT NOT NULL,
  inserted INTEGER,
  known INTEGER
) STRICT;
CREATE INDEX imports_unfinished ON imports(id) WHERE finished_ms IS NULL;
ALTER TABLE messages ADD COLUMN import_id INTEGER;
CREATE VIEW visible_messages AS SELECT * FROM messages
  WHERE import_id IS NULL OR import_id NOT IN (SELECT id FROM imports WHERE finished_ms IS NULL);
`;

const sixth = `
-- a live message asks whether an import brought it already: without this it reads every row of those minutes
CREATE INDEX messages_imported ON messages(chat_id, timestamp_ms) WHERE origin = 'import';
`;

export const migrations: readonly Migration[] = [
  { version: 1, sql: first },
  { version: 2, sql: second },
  { version: 3, sql: forgetTables },
  { version: 4, sql: nightTables },
  { version: 5, sql: reviewTables },
  { version: 6, sql: sixth },
];
