/**
 * Migration 5: what the owner says about messages on the review page, and what the search index has to know of the
 * database. The index itself is a file beside it (search-index.ts). Nothing here holds words of a message but
 * `review_lines`, which are gone with it.
 */

export const reviewTables = `
-- whoever asks for a person's ledger asks who was merged into them
CREATE INDEX people_merged ON people(merged_into) WHERE merged_into IS NOT NULL;

-- a line of the persona as it should be learned, written by the owner
CREATE TABLE review_lines (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id INTEGER NOT NULL REFERENCES messages(id) ON DELETE CASCADE,
  text TEXT NOT NULL
) STRICT;
CREATE INDEX review_lines_message ON review_lines(message_id);

-- what was said about one message; no row, or a row of nulls: nothing
CREATE TABLE reviews (
  message_id INTEGER PRIMARY KEY REFERENCES messages(id) ON DELETE CASCADE,
  decision TEXT CHECK (decision IN ('approved', 'rejected')),
  -- spans to hide in UTF-16 units, end exclusive, sorted, as JSON: [[start,end],...]; or 'all'
  hidden TEXT,
  line_id INTEGER REFERENCES review_lines(id) ON DELETE SET NULL
) STRICT;
CREATE INDEX reviews_decision ON reviews(decision, message_id) WHERE decision IS NOT NULL;
CREATE INDEX reviews_line ON reviews(line_id) WHERE line_id IS NOT NULL;

-- what is left out of training: a person, a chat, a time [from_ms, to_ms), or what all given ones share
CREATE TABLE review_exclusions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  person_id INTEGER REFERENCES people(id) ON DELETE CASCADE,
  chat_id INTEGER REFERENCES chats(id) ON DELETE CASCADE,
  from_ms INTEGER,
  to_ms INTEGER,
  is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
  CHECK (person_id IS NOT NULL OR chat_id IS NOT NULL OR from_ms IS NOT NULL OR to_ms IS NOT NULL)
) STRICT;
CREATE INDEX review_exclusions_person ON review_exclusions(person_id);
CREATE INDEX review_exclusions_chat ON review_exclusions(chat_id);

-- for undo and redo: ids and states before and after, no words (review-log.ts)
CREATE TABLE review_actions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  -- of an action on one message's words
  message_id INTEGER REFERENCES messages(id) ON DELETE CASCADE,
  -- how many messages changed
  messages INTEGER NOT NULL,
  change BLOB NOT NULL,
  is_undone INTEGER NOT NULL CHECK (is_undone IN (0, 1))
) STRICT;
CREATE INDEX review_actions_message ON review_actions(message_id);

-- messages of a person in a chat: counted up to counted_to, so that logging and imports need not count
CREATE TABLE review_counts (
  chat_id INTEGER NOT NULL,
  person_id INTEGER NOT NULL,
  is_bot INTEGER NOT NULL CHECK (is_bot IN (0, 1)),
  messages INTEGER NOT NULL,
  approved INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  PRIMARY KEY (chat_id, person_id, is_bot)
) STRICT, WITHOUT ROWID;
-- one row, once somebody looked
CREATE TABLE review_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  counted_to INTEGER NOT NULL,
  -- the search index may hold rows up to this id
  indexed_to INTEGER NOT NULL,
  -- name of the index that holds them; another file's is not ours
  index_id TEXT NOT NULL
) STRICT;
-- rows that the index has to let go of, or to read again
CREATE TABLE search_gone (seq INTEGER PRIMARY KEY AUTOINCREMENT, message_id INTEGER NOT NULL) STRICT;

CREATE TRIGGER messages_gone_from_search BEFORE DELETE ON messages
  WHEN OLD.id <= COALESCE((SELECT indexed_to FROM review_state), 0)
  BEGIN INSERT INTO search_gone(message_id) VALUES (OLD.id); END;
CREATE TRIGGER messages_changed_in_search AFTER UPDATE OF text, timestamp_ms ON messages
  WHEN OLD.id <= COALESCE((SELECT indexed_to FROM review_state), 0)
    AND (OLD.text <> NEW.text OR OLD.timestamp_ms <> NEW.timestamp_ms)
  BEGIN INSERT INTO search_gone(message_id) VALUES (OLD.id); END;

CREATE TRIGGER messages_gone_from_counts BEFORE DELETE ON messages
  WHEN OLD.id <= COALESCE((SELECT counted_to FROM review_state), 0) OR EXISTS (SELECT 1 FROM reviews WHERE message_id = OLD.id)
  BEGIN
    UPDATE review_counts SET
      messages = messages - (OLD.id <= COALESCE((SELECT counted_to FROM review_state), 0)),
      approved = approved - EXISTS (SELECT 1 FROM reviews WHERE message_id = OLD.id AND decision = 'approved'),
      rejected = rejected - EXISTS (SELECT 1 FROM reviews WHERE message_id = OLD.id AND decision = 'rejected')
    WHERE chat_id = OLD.chat_id AND person_id = OLD.person_id AND is_bot = (OLD.origin = 'bot');
  END;
CREATE TRIGGER messages_of_another_person AFTER UPDATE OF person_id ON messages
  WHEN OLD.person_id <> NEW.person_id
    AND (OLD.id <= COALESCE((SELECT counted_to FROM review_state), 0) OR EXISTS (SELECT 1 FROM reviews WHERE message_id = OLD.id))
  BEGIN
    INSERT OR IGNORE INTO review_counts VALUES (NEW.chat_id, NEW.person_id, NEW.origin = 'bot', 0, 0, 0);
    UPDATE review_counts SET
      messages = messages + iif(person_id = NEW.person_id, 1, -1) * (OLD.id <= COALESCE((SELECT counted_to FROM review_state), 0)),
      approved = approved + iif(person_id = NEW.person_id, 1, -1)
        * EXISTS (SELECT 1 FROM reviews WHERE message_id = OLD.id AND decision = 'approved'),
      rejected = rejected + iif(person_id = NEW.person_id, 1, -1)
        * EXISTS (SELECT 1 FROM reviews WHERE message_id = OLD.id AND decision = 'rejected')
    WHERE chat_id = OLD.chat_id AND person_id IN (OLD.person_id, NEW.person_id) AND is_bot = (OLD.origin = 'bot');
  END;
-- other words than those that were looked at: not approved any more, still rejected, and hidden as a whole where
-- something in them was hidden
CREATE TRIGGER messages_say_something_else AFTER UPDATE OF text ON messages
  WHEN OLD.text <> NEW.text AND EXISTS (SELECT 1 FROM reviews WHERE message_id = OLD.id)
  BEGIN
    UPDATE review_counts
      SET approved = approved - EXISTS (SELECT 1 FROM reviews WHERE message_id = OLD.id AND decision = 'approved')
      WHERE chat_id = OLD.chat_id AND person_id = OLD.person_id AND is_bot = (OLD.origin = 'bot');
    UPDATE reviews SET decision = iif(decision = 'rejected', decision, NULL), hidden = iif(hidden IS NULL, NULL, 'all'),
      line_id = NULL WHERE message_id = OLD.id;
    DELETE FROM review_lines WHERE message_id = OLD.id;
    DELETE FROM review_actions WHERE message_id = OLD.id;
  END;
`;
