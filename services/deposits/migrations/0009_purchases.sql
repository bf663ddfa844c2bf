-- What part of the compensation is the price of a thing that was lost: it is taken back when the thing is found.
ALTER TABLE deposits ADD COLUMN purchase_minor bigint NOT NULL DEFAULT 0 CHECK (purchase_minor >= 0);
ALTER TABLE deposits ADD CONSTRAINT purchase_is_compensation CHECK (purchase_minor <= compensated_minor);

CREATE TYPE written_deposit AS (
    bucket int, deposit_id text, version int, state text, processor text, payment_ref text, decline_code text,
    authorized_minor bigint, captured_minor bigint, released_minor bigint, expired_minor bigint, open_minor bigint,
    charged_minor bigint, paid_minor bigint, payment_status text, compensated_minor bigint, refunded_minor bigint,
    written_off_minor bigint, purchase_minor bigint, settled_at timestamptz, closed_at timestamptz
);
