-- name: insert_payment_method
-- A payment method; the renter's first one is the default.
INSERT INTO payment_methods (bucket, payment_method_id, renter_id, processor, processor_ref, brand, last4, is_default,
                             created_at)
SELECT $1, $2, $3, $4, $5, $6, $7,
       NOT EXISTS (SELECT 1 FROM payment_methods m WHERE m.bucket = $1 AND m.renter_id = $3), $8;

-- name: read_payment_method
-- One payment method.
SELECT payment_method_id, renter_id, processor, processor_ref, brand, last4, is_default, created_at FROM payment_methods
WHERE bucket = $1 AND payment_method_id = $2;

-- name: list_payment_methods
-- A renter's payment methods before a key, newest first.
SELECT payment_method_id, renter_id, processor, processor_ref, brand, last4, is_default, created_at FROM payment_methods
WHERE bucket = $1 AND renter_id = $2 AND ($3 = '' OR payment_method_id < $3)
ORDER BY payment_method_id DESC LIMIT $4;

-- name: insert_fact
-- An event for scoring, into the outbox.
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
VALUES ($1, $2, 'scoring', $3, $4, $5, $6, $6, 0);

-- name: unpaid_deposits
-- A renter's deposits whose charge is owed, and neither disputed nor being paid in instalments.
SELECT d.deposit_id FROM deposits d
WHERE d.bucket = $1 AND d.renter_id = $2 AND d.payment_status IN ('DUE', 'FAILED')
  AND NOT EXISTS (SELECT 1 FROM bills b
                  WHERE b.bucket = d.bucket AND b.deposit_id = d.deposit_id AND b.state IN ('DISPUTED', 'INSTALMENTS'))
ORDER BY d.deposit_id;

-- name: other_means
-- What else a renter could be asked on: at processors that were not tried for this deposit, the partner's order first.
SELECT m.processor, m.processor_ref
FROM payment_methods m
JOIN deposits d ON d.bucket = m.bucket AND d.renter_id = m.renter_id
LEFT JOIN processor_orders o ON o.partner_id = d.partner_id
WHERE d.bucket = $1 AND d.deposit_id = $2
  AND NOT EXISTS (SELECT 1 FROM processor_operations t
                  WHERE t.bucket = d.bucket AND t.deposit_id = d.deposit_id AND t.processor = m.processor)
ORDER BY coalesce(array_position(o.processors, m.processor), 1000), m.is_default DESC, m.payment_method_id DESC
LIMIT 1;

-- name: save_processor_order
-- In which order a partner's processors are asked when one does not answer.
INSERT INTO processor_orders AS o (partner_id, processors, author, changed_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (partner_id) DO UPDATE
SET processors = excluded.processors, author = excluded.author, changed_at = excluded.changed_at;

-- name: read_processor_order
-- The partner's order.
SELECT processors FROM processor_orders WHERE partner_id = $1;
