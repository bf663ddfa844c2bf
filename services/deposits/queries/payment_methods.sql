-- name: insert_payment_method
-- A payment method; the renter's first one is the default.
INSERT INTO payment_methods (bucket, payment_method_id, renter_id, processor_ref, brand, last4, is_default, created_at)
SELECT $1, $2, $3, $4, $5, $6,
       NOT EXISTS (SELECT 1 FROM payment_methods m WHERE m.bucket = $1 AND m.renter_id = $3), $7;

-- name: read_payment_method
-- One payment method.
SELECT payment_method_id, renter_id, processor_ref, brand, last4, is_default, created_at FROM payment_methods
WHERE bucket = $1 AND payment_method_id = $2;

-- name: list_payment_methods
-- A renter's payment methods before a key, newest first.
SELECT payment_method_id, renter_id, processor_ref, brand, last4, is_default, created_at FROM payment_methods
WHERE bucket = $1 AND renter_id = $2 AND ($3 = '' OR payment_method_id < $3)
ORDER BY payment_method_id DESC LIMIT $4;

-- name: insert_fact
-- An event for scoring, into the outbox.
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
VALUES ($1, $2, 'scoring', $3, $4, $5, $6, $6, 0);

-- name: unpaid_deposits
-- A renter's deposits whose charge is owed.
SELECT deposit_id FROM deposits
WHERE bucket = $1 AND renter_id = $2 AND payment_status IN ('DUE', 'FAILED') ORDER BY deposit_id;
