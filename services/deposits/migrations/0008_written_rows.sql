-- What a statement writes of many deposits comes as arrays of rows, a type each. A type is never altered, because replicas
-- that know it as it was still run: a statement that writes more gets a new type. `version` counts the writes of a deposit.
ALTER TABLE deposits ADD COLUMN version int NOT NULL DEFAULT 0;

CREATE TYPE decided_deposit AS (
    bucket int, deposit_id text, rental_id text, renter_id text, partner_id text, outcome text, reason_codes text[],
    policy_id text, model_version text, score int, currency text, amount_minor bigint, payment_ref text,
    wants_waiver boolean, max_open_waived int, max_waived_minor bigint, operation_id text, facts_version bigint,
    processor text, compensation_limit_minor bigint, city text, asset_class text, monthly_rent_minor bigint,
    assurance_level text
);
CREATE TYPE changed_deposit AS (
    bucket int, deposit_id text, version int, state text, processor text, payment_ref text, decline_code text,
    authorized_minor bigint, captured_minor bigint, released_minor bigint, expired_minor bigint, open_minor bigint,
    charged_minor bigint, paid_minor bigint, payment_status text, compensated_minor bigint, refunded_minor bigint,
    written_off_minor bigint, settled_at timestamptz, closed_at timestamptz
);
CREATE TYPE changed_hold AS (
    bucket int, hold_id text, deposit_id text, renter_id text, processor text, reference text, authorized_minor bigint,
    captured_minor bigint, released_minor bigint, expired_minor bigint, open_minor bigint, credit_minor bigint,
    expires_at timestamptz, announced boolean
);
CREATE TYPE ended_operation AS (
    bucket int, operation_id text, state text, result_ref text, decline_code text, renter_action text
);
CREATE TYPE given_up_operation AS (bucket int, operation_id text);
CREATE TYPE wanted_operation AS (
    bucket int, operation_id text, deposit_id text, kind text, amount_minor bigint, currency text, reference text,
    state text, result_ref text, processor text, hold_id text, final boolean, source_id text
);
CREATE TYPE added_link AS (bucket int, renter_id text, digest bytea);
CREATE TYPE booked_transfer AS (
    bucket int, transfer_id text, deposit_id text, renter_id text, partner_id text, kind text, corrects text
);
CREATE TYPE booked_entry AS (
    bucket int, transfer_id text, position int, renter_id text, account text, currency text, amount_minor bigint
);
CREATE TYPE moved_balance AS (bucket int, renter_id text, account text, currency text, amount_minor bigint);
CREATE TYPE opened_bill AS (
    bucket int, deposit_id text, renter_id text, partner_id text, schedule text, next_attempt_at timestamptz
);
CREATE TYPE ended_exposure AS (bucket int, renter_id text, ended int, waived_minor text);
CREATE TYPE told_event AS (bucket int, event_id text, renter_id text, payload text);
