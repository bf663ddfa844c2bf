-- The stand-in's books. What was collected and paid back is what the bill of a day is made of.
CREATE TABLE IF NOT EXISTS orders (
    out_order_no   TEXT PRIMARY KEY,
    fingerprint    BLOB NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('CREATED', 'DOING', 'DONE', 'REVOKED', 'EXPIRED')),
    completed      INTEGER NOT NULL DEFAULT 0,
    openid         TEXT NOT NULL,
    attach         TEXT NOT NULL,
    notify_url     TEXT NOT NULL,
    introduction   TEXT NOT NULL,
    package        TEXT NOT NULL,
    fund_minor     INTEGER NOT NULL CHECK (fund_minor > 0),
    total_minor    INTEGER NOT NULL DEFAULT 0 CHECK (total_minor BETWEEN 0 AND fund_minor),
    paid_minor     INTEGER NOT NULL DEFAULT 0 CHECK (paid_minor IN (0, total_minor)),
    transaction_id TEXT NOT NULL DEFAULT '',
    paid_ms        INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS permissions (
    authorization_code TEXT PRIMARY KEY,
    openid             TEXT NOT NULL,
    state              TEXT NOT NULL CHECK (state IN ('UNBINDUSER', 'AVAILABLE', 'UNAVAILABLE')),
    notify_url         TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS refunds (
    out_refund_no  TEXT PRIMARY KEY,
    refund_id      TEXT NOT NULL,
    transaction_id TEXT NOT NULL,
    refund_minor   INTEGER NOT NULL CHECK (refund_minor > 0),
    status         TEXT NOT NULL CHECK (status IN ('PROCESSING', 'SUCCESS', 'CLOSED', 'ABNORMAL')),
    notify_url     TEXT NOT NULL,
    made_ms        INTEGER NOT NULL
) WITHOUT ROWID;
