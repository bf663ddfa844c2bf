-- name: asset_to_reserve
-- What an asset of a partner is, by its fixed code or its public one.
SELECT a.asset_id, a.asset_kind FROM assets a
WHERE a.partner_id = $1 AND a.code = $2
UNION ALL
SELECT a.asset_id, a.asset_kind FROM asset_codes c
JOIN assets a ON a.partner_id = c.partner_id AND a.asset_id = c.asset_id AND a.uses = c.uses
WHERE c.partner_id = $1 AND c.public_code = $2
LIMIT 1;

-- name: reserve_asset
-- Keeps a free asset for somebody; no row when it is not free.
UPDATE assets SET state = 'RESERVED', reservation_id = $3, reserved_for = $4, reserved_until = $5
WHERE partner_id = $1 AND asset_id = $2 AND state = 'AVAILABLE'
RETURNING asset_id;

-- name: create_reservation
-- Writes down for whom an asset is kept.
INSERT INTO reservations (bucket, reservation_id, partner_id, renter_id, asset_id, asset_code, state, reserved_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, 'HELD', $7, $8);

-- name: read_reservation
-- One reservation.
SELECT v.reservation_id, v.partner_id, v.renter_id, v.asset_id, v.asset_code, v.state, v.reserved_at, v.expires_at, v.rental_id
FROM reservations v
WHERE v.bucket = $1 AND v.reservation_id = $2;

-- name: free_reserved_asset
-- Ends the keeping of an asset; no row when its reservation is over.
UPDATE assets SET state = 'AVAILABLE', reservation_id = NULL, reserved_for = NULL, reserved_until = NULL
WHERE partner_id = $1 AND asset_id = $2 AND reservation_id = $3
RETURNING asset_id;

-- name: cancel_reservation
-- Ends a reservation whose asset was just freed.
UPDATE reservations SET state = 'CANCELLED' WHERE bucket = $1 AND reservation_id = $2 AND state = 'HELD';

-- name: expire_reservations
-- Frees assets that were kept for long enough, locking them in their order; an asset that was just taken is left alone.
WITH due AS (
    SELECT v.bucket, v.reservation_id, v.partner_id, v.asset_id FROM reservations v
    WHERE v.state = 'HELD' AND v.expires_at <= $1
    ORDER BY v.expires_at
    LIMIT $2
),
locked AS (
    SELECT d.bucket, a.partner_id, a.asset_id, a.reservation_id
    FROM due d
    JOIN assets a ON a.partner_id = d.partner_id AND a.asset_id = d.asset_id
    WHERE a.reservation_id = d.reservation_id
    ORDER BY a.partner_id, a.asset_id
    FOR UPDATE OF a
),
freed AS (
    UPDATE assets a SET state = 'AVAILABLE', reservation_id = NULL, reserved_for = NULL, reserved_until = NULL
    FROM locked l
    WHERE a.partner_id = l.partner_id AND a.asset_id = l.asset_id
)
UPDATE reservations v SET state = 'EXPIRED'
FROM locked l
WHERE v.bucket = l.bucket AND v.reservation_id = l.reservation_id
RETURNING v.reservation_id;
