-- name: close_bills
-- Bills whose debt is paid.
UPDATE bills b SET state = 'PAID', schedule = '[]', next_attempt_at = NULL, dispute_reason = '', proposed_by = ''
FROM deposits d
WHERE b.state <> 'PAID' AND d.bucket = b.bucket AND d.deposit_id = b.deposit_id
  AND d.payment_status IN ('PAID', 'NONE');

-- name: due_bills
-- Bills whose next attempt is due, with the renter's default payment method.
SELECT b.deposit_id, coalesce(m.processor, '') AS processor, coalesce(m.processor_ref, '') AS payment_ref
FROM bills b
LEFT JOIN payment_methods m ON m.bucket = b.bucket AND m.renter_id = b.renter_id AND m.is_default
WHERE b.next_attempt_at <= $1 ORDER BY b.next_attempt_at LIMIT $2;

-- name: means_of
-- One payment method of a renter, or the default one.
SELECT m.processor, m.processor_ref FROM payment_methods m
WHERE m.bucket = $1 AND m.renter_id = $2 AND (m.payment_method_id = $3 OR ($3 = '' AND m.is_default));

-- name: lock_bill
-- A bill, locked; its deposit is locked before it.
SELECT b.deposit_id, b.renter_id, b.partner_id, b.state, b.opened_at, b.attempts, b.misses, b.expected_minor,
       b.schedule, b.dispute_reason, b.proposed_by
FROM bills b WHERE b.bucket = $1 AND b.deposit_id = $2 FOR UPDATE;

-- name: save_bill
-- A bill as it is now. Whoever has read the deposit before decides anew: what is disputed is not collected.
WITH moved_on AS (
    UPDATE deposits SET version = version + 1 WHERE bucket = $1 AND deposit_id = $2
)
UPDATE bills
SET state = $3, attempts = $4, misses = $5, expected_minor = $6, schedule = $7, next_attempt_at = $8,
    dispute_reason = $9, proposed_by = $10
WHERE bucket = $1 AND deposit_id = $2;

-- name: read_bill
-- One bill.
SELECT b.deposit_id, b.renter_id, b.partner_id, b.state, b.opened_at, b.attempts, b.misses, b.expected_minor,
       b.schedule, b.dispute_reason, b.proposed_by
FROM bills b WHERE b.bucket = $1 AND b.deposit_id = $2;

-- name: list_partner_bills
-- A partner's bills before a key, newest first, in one state or in any.
SELECT b.deposit_id, b.renter_id, b.partner_id, b.state, b.opened_at, b.attempts, b.misses, b.expected_minor,
       b.schedule, b.dispute_reason, b.proposed_by
FROM bills b
WHERE b.partner_id = $1 AND ($2 = '' OR b.state = $2) AND ($3 = '' OR b.deposit_id < $3)
ORDER BY b.deposit_id DESC LIMIT $4;

-- name: list_renter_bills
-- A renter's bills before a key, newest first, in one state or in any.
SELECT b.deposit_id, b.renter_id, b.partner_id, b.state, b.opened_at, b.attempts, b.misses, b.expected_minor,
       b.schedule, b.dispute_reason, b.proposed_by
FROM bills b
WHERE b.bucket = $1 AND b.renter_id = $2 AND ($3 = '' OR b.state = $3) AND ($4 = '' OR b.deposit_id < $4)
ORDER BY b.deposit_id DESC LIMIT $5;
