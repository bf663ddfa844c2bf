-- A deposit may have several authorizations in its life (a renewal, a late success elsewhere): each is a hold of its own.
-- `deposits.*_minor` are their sums, so that the sum authorized may exceed the deposit's amount while two overlap.
CREATE TABLE holds (
    bucket           int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    hold_id          text        NOT NULL,
    deposit_id       text        NOT NULL,
    renter_id        text        NOT NULL,
    processor        text        NOT NULL,
    reference        text        NOT NULL,
    authorized_minor bigint      NOT NULL CHECK (authorized_minor >= 0),
    captured_minor   bigint      NOT NULL CHECK (captured_minor >= 0),
    released_minor   bigint      NOT NULL CHECK (released_minor >= 0),
    expired_minor    bigint      NOT NULL CHECK (expired_minor >= 0),
    open_minor       bigint      NOT NULL CHECK (open_minor >= 0),
    credit_minor     bigint      NOT NULL DEFAULT 0 CHECK (credit_minor >= 0),
    expires_at       timestamptz,
    announced        boolean     NOT NULL DEFAULT false,
    look_at          timestamptz,
    PRIMARY KEY (bucket, hold_id),
    FOREIGN KEY (bucket, deposit_id) REFERENCES deposits (bucket, deposit_id),
    CHECK (authorized_minor = captured_minor + released_minor + expired_minor + open_minor)
) WITH (fillfactor = 80);
CREATE INDEX holds_of ON holds (bucket, deposit_id);
CREATE INDEX holds_lapsing ON holds (expires_at) WHERE open_minor > 0;
CREATE INDEX holds_looked_at ON holds (look_at) WHERE look_at IS NOT NULL;

ALTER TABLE deposits DROP CONSTRAINT deposits_check1;
ALTER TABLE deposits DROP CONSTRAINT deposits_payment_status_check;
ALTER TABLE deposits ADD CONSTRAINT deposits_payment_status_check
    CHECK (payment_status IN ('NONE', 'DUE', 'IN_PROGRESS', 'PAID', 'FAILED', 'WRITTEN_OFF'));
ALTER TABLE deposits ADD COLUMN processor text NOT NULL DEFAULT 'sandbox';
ALTER TABLE deposits ADD COLUMN compensation_limit_minor bigint NOT NULL DEFAULT 0 CHECK (compensation_limit_minor >= 0);
ALTER TABLE deposits ADD COLUMN compensated_minor bigint NOT NULL DEFAULT 0 CHECK (compensated_minor >= 0);
ALTER TABLE deposits ADD COLUMN refunded_minor bigint NOT NULL DEFAULT 0 CHECK (refunded_minor >= 0);
UPDATE deposits SET compensation_limit_minor = amount_minor;

ALTER TABLE payment_methods ADD COLUMN processor text NOT NULL DEFAULT 'sandbox';

ALTER TABLE processor_operations ADD COLUMN processor text NOT NULL DEFAULT 'sandbox';
ALTER TABLE processor_operations ADD COLUMN hold_id text NOT NULL DEFAULT '';
ALTER TABLE processor_operations ADD COLUMN final boolean NOT NULL DEFAULT true;
ALTER TABLE processor_operations ADD COLUMN renter_action text NOT NULL DEFAULT '';
ALTER TABLE processor_operations ADD COLUMN source_id text NOT NULL DEFAULT '';
ALTER TABLE processor_operations ADD COLUMN given_up boolean NOT NULL DEFAULT false;
CREATE INDEX processor_operations_by_result ON processor_operations (processor, result_ref) WHERE result_ref <> '';
ALTER TABLE processor_operations DROP CONSTRAINT processor_operations_kind_check;
ALTER TABLE processor_operations ADD CONSTRAINT processor_operations_kind_check
    CHECK (kind IN ('AUTHORIZE', 'CAPTURE', 'VOID', 'CHARGE', 'INCREMENT', 'REFUND'));

CREATE TABLE processor_orders (
    partner_id text        NOT NULL,
    processors text[]      NOT NULL,
    author     text        NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id)
);

INSERT INTO holds (bucket, hold_id, deposit_id, renter_id, processor, reference, authorized_minor, captured_minor,
                   released_minor, expired_minor, open_minor)
SELECT d.bucket, o.operation_id, d.deposit_id, d.renter_id, 'sandbox', d.authorization_ref, d.authorized_minor,
       d.captured_minor, d.released_minor, d.expired_minor, d.open_minor
FROM deposits d JOIN processor_operations o ON o.bucket = d.bucket AND o.deposit_id = d.deposit_id
WHERE o.kind = 'AUTHORIZE' AND o.state = 'DONE' AND o.result_ref = d.authorization_ref AND d.authorization_ref <> '';
UPDATE processor_operations o SET hold_id = h.hold_id
FROM holds h WHERE h.bucket = o.bucket AND h.deposit_id = o.deposit_id AND o.kind IN ('CAPTURE', 'VOID');
UPDATE processor_operations SET hold_id = operation_id WHERE kind = 'AUTHORIZE';
