-- What renters owe after a rental, and how it is being collected. How much is owed stands in `deposits`.
CREATE TABLE bills (
    bucket          int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    deposit_id      text        NOT NULL,
    renter_id       text        NOT NULL,
    partner_id      text        NOT NULL,
    state           text        NOT NULL
        CHECK (state IN ('OPEN', 'INSTALMENTS', 'STOPPED', 'DISPUTED', 'WRITTEN_OFF', 'PAID')),
    opened_at       timestamptz NOT NULL,
    attempts        int         NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    misses          int         NOT NULL DEFAULT 0 CHECK (misses >= 0),
    expected_minor  bigint      NOT NULL DEFAULT 0,
    schedule        jsonb       NOT NULL,
    next_attempt_at timestamptz,
    dispute_reason  text        NOT NULL DEFAULT '',
    proposed_by     text        NOT NULL DEFAULT '',
    PRIMARY KEY (bucket, deposit_id),
    FOREIGN KEY (bucket, deposit_id) REFERENCES deposits (bucket, deposit_id)
);
CREATE INDEX bills_due ON bills (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX bills_of_partner ON bills (partner_id, deposit_id);
CREATE INDEX bills_of_renter ON bills (bucket, renter_id, deposit_id);
CREATE INDEX bills_unpaid ON bills (bucket, deposit_id) WHERE state <> 'PAID';

ALTER TABLE deposits ADD COLUMN written_off_minor bigint NOT NULL DEFAULT 0 CHECK (written_off_minor >= 0);

INSERT INTO bills (bucket, deposit_id, renter_id, partner_id, state, opened_at, schedule)
SELECT bucket, deposit_id, renter_id, partner_id, 'STOPPED', decided_at, '[]' FROM deposits
WHERE payment_status IN ('DUE', 'FAILED') AND settled_at IS NOT NULL;
