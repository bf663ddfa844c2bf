-- Rentals can be paused, overdue, lost and found, and their returns disputed; what happened is kept, event by event.
ALTER TABLE assets DROP CONSTRAINT assets_state_check;
ALTER TABLE assets ADD CONSTRAINT assets_state_check CHECK (state IN ('AVAILABLE', 'RENTED', 'MISSING'));
ALTER TABLE assets DROP CONSTRAINT assets_check;
ALTER TABLE assets ADD CONSTRAINT assets_rental_fits_the_state
    CHECK (CASE state WHEN 'RENTED' THEN rental_id IS NOT NULL WHEN 'MISSING' THEN true ELSE rental_id IS NULL END);

-- due_at says until when the thing is due back, wake_at when time makes something happen next; both are business time.
-- charged_at is when what it costs became known, which is later than ended_at where an end was dated back.
-- credit_minor is what deposits has not taken off the charge yet, credit_purchase_minor what of it is of the purchase.
ALTER TABLE rentals ADD COLUMN due_at timestamptz;
ALTER TABLE rentals ADD COLUMN wake_at timestamptz;
ALTER TABLE rentals ADD COLUMN overdue_at timestamptz;
ALTER TABLE rentals ADD COLUMN charged_at timestamptz;
ALTER TABLE rentals ADD COLUMN purchase_minor bigint CHECK (purchase_minor BETWEEN 0 AND 1000000000000);
ALTER TABLE rentals ADD COLUMN credit_minor bigint CHECK (credit_minor BETWEEN 0 AND 1000000000000);
ALTER TABLE rentals ADD COLUMN credit_purchase_minor bigint NOT NULL DEFAULT 0 CHECK (credit_purchase_minor >= 0);
ALTER TABLE rentals ADD COLUMN corrections int NOT NULL DEFAULT 0 CHECK (corrections >= 0);
ALTER TABLE rentals ADD COLUMN dispute_state text CHECK (dispute_state IN ('OPEN', 'ACCEPTED', 'REFUSED', 'LAPSED'));
ALTER TABLE rentals ADD COLUMN reported_at timestamptz;
ALTER TABLE rentals ADD COLUMN claimed_end_at timestamptz;

ALTER TABLE rentals DROP CONSTRAINT rentals_state_check;
ALTER TABLE rentals ADD CONSTRAINT rentals_state_check CHECK (state IN (
    'REQUESTED', 'ACTIVE', 'PAUSED', 'DISPUTED', 'LOST', 'RETURNED', 'SETTLED', 'CANCELLED'));
ALTER TABLE rentals DROP CONSTRAINT rentals_follow_up_check;
ALTER TABLE rentals ADD CONSTRAINT rentals_follow_up_check
    CHECK (follow_up IN ('NONE', 'SECURE', 'SETTLE', 'CORRECT', 'CANCEL'));
ALTER TABLE rentals DROP CONSTRAINT follow_up_fits_the_state;
ALTER TABLE rentals ADD CONSTRAINT follow_up_fits_the_state
    CHECK (CASE follow_up WHEN 'SECURE' THEN state = 'REQUESTED' WHEN 'SETTLE' THEN state IN ('RETURNED', 'LOST')
           WHEN 'CORRECT' THEN state IN ('RETURNED', 'SETTLED') WHEN 'CANCEL' THEN state = 'CANCELLED'
           ELSE state <> 'REQUESTED' END);
ALTER TABLE rentals DROP CONSTRAINT ended_means_priced;
ALTER TABLE rentals ADD CONSTRAINT ended_means_priced CHECK (
    num_nulls(ended_at, charge_minor) = CASE WHEN state IN ('RETURNED', 'SETTLED', 'LOST') THEN 0 ELSE 2 END);
ALTER TABLE rentals DROP CONSTRAINT payment_follows_the_return;
ALTER TABLE rentals ADD CONSTRAINT payment_follows_the_return
    CHECK (payment_status = 'NONE' OR state IN ('RETURNED', 'SETTLED', 'LOST'));
ALTER TABLE rentals ADD CONSTRAINT lost_means_bought CHECK ((state = 'LOST') = (purchase_minor IS NOT NULL));
ALTER TABLE rentals ADD CONSTRAINT correction_has_an_amount CHECK ((follow_up = 'CORRECT') = (credit_minor IS NOT NULL));
ALTER TABLE rentals ADD CONSTRAINT dispute_is_whole CHECK (num_nulls(dispute_state, reported_at, claimed_end_at) IN (0, 3));
ALTER TABLE rentals ADD CONSTRAINT disputed_means_open CHECK (state <> 'DISPUTED' OR dispute_state IS NOT DISTINCT FROM 'OPEN');
ALTER TABLE rentals ADD CONSTRAINT time_wakes_what_is_open
    CHECK (wake_at IS NULL OR state IN ('ACTIVE', 'PAUSED', 'DISPUTED') OR dispute_state IS NOT DISTINCT FROM 'OPEN');

UPDATE rentals SET charged_at = ended_at WHERE ended_at IS NOT NULL;
UPDATE rentals SET due_at = started_at + interval '24 hours' WHERE started_at IS NOT NULL;
UPDATE rentals SET wake_at = due_at WHERE state = 'ACTIVE';
CREATE INDEX rentals_wake ON rentals (wake_at) WHERE wake_at IS NOT NULL;

-- Append-only. sequence is 16 times the rental's version, plus the place among the events of one change.
CREATE TABLE rental_events (
    bucket      int         NOT NULL,
    rental_id   text        NOT NULL,
    sequence    bigint      NOT NULL CHECK (sequence > 0),
    kind        text        NOT NULL,
    partner_id  text        NOT NULL,
    renter_id   text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    data        jsonb       NOT NULL,
    PRIMARY KEY (bucket, rental_id, sequence)
);

CREATE INDEX rental_events_of_renter ON rental_events (bucket, renter_id);
