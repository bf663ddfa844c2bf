-- Authorizations: frozen = paid + unfrozen + lapsed + rest.
CREATE TABLE IF NOT EXISTS orders (
    seq INTEGER PRIMARY KEY,
    out_order_no TEXT NOT NULL UNIQUE,
    out_request_no TEXT NOT NULL,
    auth_no TEXT NOT NULL UNIQUE,
    operation_id TEXT NOT NULL,
    payer TEXT NOT NULL,
    title TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    credit_minor INTEGER NOT NULL CHECK (credit_minor BETWEEN 0 AND amount_minor),
    status TEXT NOT NULL CHECK (status IN ('INIT', 'SUCCESS', 'CLOSED')),
    paid_minor INTEGER NOT NULL CHECK (paid_minor >= 0),
    paid_credit_minor INTEGER NOT NULL CHECK (paid_credit_minor BETWEEN 0 AND credit_minor),
    released_minor INTEGER NOT NULL CHECK (released_minor >= 0),
    expired_minor INTEGER NOT NULL CHECK (expired_minor >= 0),
    created_ms INTEGER NOT NULL,
    frozen_ms INTEGER CHECK ((frozen_ms IS NOT NULL) = (status = 'SUCCESS')),
    expires_ms INTEGER,
    due_ms INTEGER,
    notify_url TEXT NOT NULL,
    CHECK (paid_minor + released_minor + expired_minor <= amount_minor)
) STRICT;

-- What was given back on request.
CREATE TABLE IF NOT EXISTS unfreezes (
    auth_no TEXT NOT NULL REFERENCES orders (auth_no),
    out_request_no TEXT NOT NULL,
    operation_id TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    credit_minor INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (auth_no, out_request_no)
) STRICT, WITHOUT ROWID;

-- Payments from what is frozen.
CREATE TABLE IF NOT EXISTS trades (
    out_trade_no TEXT PRIMARY KEY,
    trade_no TEXT NOT NULL UNIQUE,
    auth_no TEXT NOT NULL REFERENCES orders (auth_no),
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    complete INTEGER NOT NULL,
    status TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    paid_ms INTEGER,
    due_ms INTEGER,
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor BETWEEN 0 AND amount_minor),
    notify_url TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What was paid back.
CREATE TABLE IF NOT EXISTS refunds (
    trade_no TEXT NOT NULL REFERENCES trades (trade_no),
    out_request_no TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (trade_no, out_request_no)
) STRICT, WITHOUT ROWID;
