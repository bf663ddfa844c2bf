-- Stripe's objects as they are shown, in the order in which they came. `due_ms`: when something happens to it by itself.
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    object TEXT NOT NULL,
    customer TEXT,
    payment_intent TEXT,
    created INTEGER NOT NULL,
    due_ms INTEGER,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS objects_of_a_kind ON objects (object, seq);
CREATE INDEX IF NOT EXISTS objects_due ON objects (due_ms) WHERE due_ms IS NOT NULL;

-- What was answered under each idempotency key: errors too, once the request was carried out.
CREATE TABLE IF NOT EXISTS answers (
    idempotency_key TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
