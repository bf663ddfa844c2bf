CREATE TABLE policies (
    partner_id      text        NOT NULL,
    asset_kind      text        NOT NULL,
    version         int         NOT NULL CHECK (version >= 1),
    policy_id       text        NOT NULL,
    threshold       int         NOT NULL CHECK (threshold BETWEEN 350 AND 950),
    currency        text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    deposit_minor   bigint      NOT NULL CHECK (deposit_minor > 0),
    max_open_waived int         NOT NULL CHECK (max_open_waived BETWEEN 1 AND 100),
    reason          text        NOT NULL,
    author          text        NOT NULL,
    effective_at    timestamptz NOT NULL,
    PRIMARY KEY (partner_id, asset_kind, version)
);

CREATE TABLE previews (
    bucket       int         NOT NULL,
    renter_id    text        NOT NULL,
    partner_id   text        NOT NULL,
    asset_kind   text        NOT NULL,
    outcome      text        NOT NULL,
    waived       boolean     NOT NULL,
    reason_codes text[]      NOT NULL,
    policy_id    text        NOT NULL,
    currency     text        NOT NULL,
    amount_minor bigint      NOT NULL,
    stands_until timestamptz NOT NULL,
    PRIMARY KEY (bucket, renter_id, partner_id, asset_kind)
);

CREATE TABLE payment_methods (
    bucket            int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    payment_method_id text        NOT NULL,
    renter_id         text        NOT NULL,
    processor_ref     text        NOT NULL,
    brand             text        NOT NULL,
    last4             text        NOT NULL,
    is_default        boolean     NOT NULL,
    created_at        timestamptz NOT NULL,
    PRIMARY KEY (bucket, payment_method_id)
);
CREATE INDEX payment_methods_of ON payment_methods (bucket, renter_id, payment_method_id);
CREATE UNIQUE INDEX payment_methods_default ON payment_methods (bucket, renter_id) WHERE is_default;

CREATE TABLE exposures (
    bucket     int  NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id  text NOT NULL,
    open_count int  NOT NULL CHECK (open_count >= 0),
    PRIMARY KEY (bucket, renter_id)
) WITH (fillfactor = 70);

CREATE TABLE deposits (
    bucket            int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    deposit_id        text        NOT NULL,
    rental_id         text        NOT NULL,
    renter_id         text        NOT NULL,
    partner_id        text        NOT NULL,
    state             text        NOT NULL
        CHECK (state IN ('PENDING', 'WAIVED', 'HELD', 'DECLINED', 'CANCELLED', 'CLOSED')),
    outcome           text        NOT NULL CHECK (outcome IN ('ADMITTED', 'NOT_ADMITTED', 'CANNOT_ASSESS', 'NONE')),
    reason_codes      text[]      NOT NULL,
    policy_id         text        NOT NULL,
    model_version     text        NOT NULL,
    score             int,
    currency          text        NOT NULL,
    amount_minor      bigint      NOT NULL CHECK (amount_minor >= 0),
    payment_ref       text        NOT NULL,
    authorization_ref text        NOT NULL DEFAULT '',
    decline_code      text        NOT NULL DEFAULT '',
    authorized_minor  bigint      NOT NULL DEFAULT 0,
    captured_minor    bigint      NOT NULL DEFAULT 0 CHECK (captured_minor >= 0),
    released_minor    bigint      NOT NULL DEFAULT 0 CHECK (released_minor >= 0),
    expired_minor     bigint      NOT NULL DEFAULT 0 CHECK (expired_minor >= 0),
    open_minor        bigint      NOT NULL DEFAULT 0 CHECK (open_minor >= 0),
    charged_minor     bigint      NOT NULL DEFAULT 0 CHECK (charged_minor >= 0),
    paid_minor        bigint      NOT NULL DEFAULT 0 CHECK (paid_minor >= 0),
    payment_status    text        NOT NULL DEFAULT 'NONE'
        CHECK (payment_status IN ('NONE', 'DUE', 'IN_PROGRESS', 'PAID', 'FAILED')),
    decided_at        timestamptz NOT NULL,
    settled_at        timestamptz,
    closed_at         timestamptz,
    PRIMARY KEY (bucket, deposit_id),
    UNIQUE (bucket, rental_id),
    CHECK (authorized_minor = captured_minor + released_minor + expired_minor + open_minor),
    CHECK (authorized_minor <= amount_minor),
    CHECK (paid_minor <= charged_minor)
) WITH (fillfactor = 80);
CREATE INDEX deposits_of_partner ON deposits (partner_id, deposit_id);
CREATE INDEX deposits_of_renter ON deposits (bucket, renter_id, deposit_id);

CREATE TABLE processor_operations (
    bucket        int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    operation_id  text        NOT NULL,
    deposit_id    text        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('AUTHORIZE', 'CAPTURE', 'VOID', 'CHARGE')),
    amount_minor  bigint      NOT NULL CHECK (amount_minor >= 0),
    currency      text        NOT NULL,
    reference     text        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('WANTED', 'DONE', 'DECLINED', 'CANCELLED')),
    result_ref    text        NOT NULL DEFAULT '',
    decline_code  text        NOT NULL DEFAULT '',
    attempts      int         NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL,
    lease_until   timestamptz NOT NULL,
    PRIMARY KEY (bucket, operation_id),
    FOREIGN KEY (bucket, deposit_id) REFERENCES deposits (bucket, deposit_id)
);
CREATE INDEX processor_operations_of ON processor_operations (bucket, deposit_id);
CREATE INDEX processor_operations_due ON processor_operations (lease_until) WHERE state = 'WANTED';

CREATE TABLE ledger_transfers (
    bucket      int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    transfer_id text        NOT NULL,
    deposit_id  text        NOT NULL,
    renter_id   text        NOT NULL,
    partner_id  text        NOT NULL,
    kind        text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, transfer_id)
);

CREATE TABLE ledger_entries (
    bucket       int    NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    transfer_id  text   NOT NULL,
    position     int    NOT NULL,
    renter_id    text   NOT NULL,
    account      text   NOT NULL,
    currency     text   NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    PRIMARY KEY (bucket, transfer_id, position),
    FOREIGN KEY (bucket, transfer_id) REFERENCES ledger_transfers (bucket, transfer_id)
);

CREATE TABLE ledger_balances (
    bucket        int    NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id     text   NOT NULL,
    account       text   NOT NULL,
    currency      text   NOT NULL,
    balance_minor bigint NOT NULL,
    PRIMARY KEY (bucket, renter_id, account, currency)
) WITH (fillfactor = 70);

CREATE TABLE requests (
    bucket      int         NOT NULL,
    caller      text        NOT NULL,
    method      text        NOT NULL,
    request_id  text        NOT NULL,
    fingerprint bytea       NOT NULL,
    subject_id  text        NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, caller, method, request_id)
);

CREATE TABLE outbox (
    bucket      int         NOT NULL,
    event_id    text        NOT NULL,
    destination text        NOT NULL,
    kind        text        NOT NULL,
    renter_id   text        NOT NULL,
    payload     jsonb       NOT NULL,
    created_at  timestamptz NOT NULL,
    lease_until timestamptz NOT NULL,
    attempts    int         NOT NULL,
    PRIMARY KEY (bucket, event_id)
);
CREATE INDEX outbox_due ON outbox (destination, lease_until, event_id);
