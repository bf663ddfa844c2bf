-- Payments: authorizations and charges, numbered in the order in which they came.
CREATE TABLE IF NOT EXISTS payments (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('authorization', 'charge')),
    status TEXT NOT NULL,
    card TEXT NOT NULL,
    payment_method TEXT NOT NULL REFERENCES payment_methods (id),
    merchant_reference TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    captured_minor INTEGER NOT NULL CHECK (captured_minor >= 0),
    released_minor INTEGER NOT NULL CHECK (released_minor >= 0),
    expired_minor INTEGER NOT NULL CHECK (expired_minor >= 0),
    decline_code TEXT CHECK ((decline_code IS NOT NULL) = (status = 'declined')),
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER CHECK ((expires_ms IS NOT NULL) = (kind = 'authorization')),
    CHECK (captured_minor + released_minor + expired_minor <= amount_minor)
) STRICT;

-- What was paid back of payments.
CREATE TABLE IF NOT EXISTS refunds (
    id TEXT PRIMARY KEY,
    payment TEXT NOT NULL REFERENCES payments (id),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refunds_of ON refunds (payment);

-- Tokens made from test card numbers: the card's name in the table of test cards, never its number.
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY,
    card TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Payment methods made from tokens.
CREATE TABLE IF NOT EXISTS payment_methods (
    id TEXT PRIMARY KEY,
    card TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was done under each idempotency key, and the answer that it gets again.
CREATE TABLE IF NOT EXISTS operations (
    idempotency_key TEXT PRIMARY KEY,
    operation TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    answer TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS operations_that_made ON operations (answer ->> 'id')
WHERE operation IN ('authorization', 'charge');
