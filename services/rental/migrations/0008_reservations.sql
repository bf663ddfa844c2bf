-- An asset can be kept for somebody who is on their way. Whoever holds the asset's row decides about its reservation.
CREATE TABLE reservations (
    bucket         int         NOT NULL,
    reservation_id text        NOT NULL,
    partner_id     text        NOT NULL,
    renter_id      text        NOT NULL,
    asset_id       text        NOT NULL,
    asset_code     text        NOT NULL,
    state          text        NOT NULL CHECK (state IN ('HELD', 'USED', 'CANCELLED', 'EXPIRED')),
    reserved_at    timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL CHECK (expires_at > reserved_at),
    rental_id      text        CHECK ((rental_id IS NOT NULL) = (state = 'USED')),
    PRIMARY KEY (bucket, reservation_id)
);

CREATE UNIQUE INDEX reservations_one_at_a_time ON reservations (bucket, renter_id, partner_id) WHERE state = 'HELD';
CREATE INDEX reservations_of_renter ON reservations (bucket, renter_id);
CREATE INDEX reservations_expire ON reservations (expires_at) WHERE state = 'HELD';

ALTER TABLE assets ADD COLUMN reservation_id text;
ALTER TABLE assets ADD COLUMN reserved_for text;
ALTER TABLE assets ADD COLUMN reserved_until timestamptz;
ALTER TABLE assets DROP CONSTRAINT assets_state_check;
ALTER TABLE assets ADD CONSTRAINT assets_state_check CHECK (state IN ('AVAILABLE', 'RESERVED', 'RENTED', 'MISSING'));
ALTER TABLE assets ADD CONSTRAINT assets_reservation_fits_the_state CHECK (
    num_nulls(reservation_id, reserved_for, reserved_until) = CASE state WHEN 'RESERVED' THEN 0 ELSE 3 END);
