-- name: privacy_obstacles
-- Rentals that are not over, and reservations.
SELECT CASE WHEN r.state IN ('REQUESTED', 'ACTIVE', 'PAUSED', 'DISPUTED') THEN 'OPEN_RENTAL'
            WHEN r.payment_status IN ('DUE', 'FAILED') THEN 'UNSETTLED_DEBT'
            ELSE 'SETTLEMENT_IN_PROGRESS' END AS reason
FROM rentals r
WHERE r.bucket = $1 AND r.renter_id = $2
  AND (r.state IN ('REQUESTED', 'ACTIVE', 'PAUSED', 'DISPUTED', 'RETURNED') OR r.follow_up <> 'NONE'
       OR r.dispute_state = 'OPEN' OR (r.state = 'LOST' AND r.payment_status NOT IN ('NONE', 'PAID', 'WRITTEN_OFF')))
UNION ALL
SELECT 'OPEN_RENTAL' FROM reservations v WHERE v.bucket = $1 AND v.renter_id = $2 AND v.state = 'HELD';

-- name: privacy_export_rentals
-- Every rental.
SELECT rental_id, partner_id, asset_id, asset_code, asset_kind, price_plan_id, currency, payment_method_id, requested_at,
       state, payment_status, deposit_id, deposit_state, outcome, reason_codes, deposit_currency, deposit_amount_minor,
       decline_code, charge_minor, started_at, ended_at, cancelled_at, cancel_reason, payment_failed_at, city,
       asset_class, monthly_rent_minor, price_inputs, due_at, overdue_at, purchase_minor, credit_minor, corrections,
       dispute_state, reported_at, claimed_end_at
FROM rentals WHERE bucket = $1 AND renter_id = $2 ORDER BY rental_id;

-- name: privacy_export_passes
-- Every pass.
SELECT pass_id, partner_id, asset_kind, free_minutes, percent_off, valid_from, valid_until, granted_at
FROM passes WHERE bucket = $1 AND renter_id = $2 ORDER BY pass_id;

-- name: privacy_delete_passes
-- Passes are of no use to anybody else.
DELETE FROM passes WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_export_reservations
-- What was kept for the person.
SELECT reservation_id, partner_id, asset_code, state, reserved_at, expires_at, rental_id
FROM reservations WHERE bucket = $1 AND renter_id = $2 ORDER BY reservation_id;

-- name: privacy_delete_reservations
-- Nobody needs to know what was kept for whom.
DELETE FROM reservations WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_export_rental_events
-- What happened to every rental.
SELECT rental_id, sequence, kind, partner_id, occurred_at, data
FROM rental_events WHERE bucket = $1 AND renter_id = $2 ORDER BY rental_id, sequence;

-- name: privacy_delete_rental_events
-- The rentals themselves say what the books need.
DELETE FROM rental_events WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_keep_rentals
-- What was paid when stays for the books; where the person went, how they paid and what their app called it goes.
UPDATE rentals
SET version = version + 1, asset_id = '', asset_code = '', city = '', payment_method_id = NULL, start_request_id = rental_id,
    closed_request_id = CASE WHEN closing IS NULL THEN NULL ELSE rental_id END, fingerprint = '', reason_codes = '{}',
    decline_code = ''
WHERE bucket = $1 AND renter_id = $2;
