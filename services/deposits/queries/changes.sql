-- name: lock_deposits
-- Locks deposits in sorted order, so that two batches never wait for each other in a circle.
SELECT d.deposit_id
FROM deposits d JOIN unnest($1::int[], $2::text[]) AS i (bucket, deposit_id)
  ON d.bucket = i.bucket AND d.deposit_id = i.deposit_id
WHERE i.bucket BETWEEN 0 AND 1023
ORDER BY d.bucket, d.deposit_id FOR UPDATE OF d;

-- name: read_changing
-- Deposits as they stand: a row for each of their operations, with the hold that it made. The columns are those of
-- services/deposits/store/rows.py, in that order.
SELECT d.deposit_id, d.rental_id, d.renter_id, d.partner_id, d.state, d.outcome, d.reason_codes, d.policy_id,
       d.model_version, d.score, d.currency, d.amount_minor, d.payment_ref, d.decided_at, d.decline_code,
       d.authorized_minor, d.captured_minor, d.released_minor, d.expired_minor, d.open_minor, d.charged_minor,
       d.paid_minor, d.payment_status, d.settled_at, d.closed_at, d.facts_version, d.processor,
       d.compensation_limit_minor, d.compensated_minor, d.refunded_minor, d.written_off_minor, d.purchase_minor,
       d.version, coalesce(b.state = 'DISPUTED', false) AS disputed,
       o.operation_id, o.deposit_id, o.kind, o.amount_minor, o.currency, o.reference, o.state, o.attempts, o.processor,
       o.hold_id, o.final, o.renter_action, o.result_ref, o.source_id, o.given_up,
       h.hold_id, h.deposit_id, h.processor, h.reference, h.authorized_minor, h.captured_minor, h.released_minor,
       h.expired_minor, h.open_minor, h.credit_minor, h.expires_at, h.announced
FROM unnest($1::int[], $2::text[]) AS i (bucket, deposit_id)
JOIN deposits d ON d.bucket = i.bucket AND d.deposit_id = i.deposit_id
LEFT JOIN bills b ON b.bucket = d.bucket AND b.deposit_id = d.deposit_id
LEFT JOIN processor_operations o ON o.bucket = d.bucket AND o.deposit_id = d.deposit_id
LEFT JOIN holds h ON h.bucket = o.bucket AND h.hold_id = o.operation_id
WHERE i.bucket BETWEEN 0 AND 1023
ORDER BY d.deposit_id, o.operation_id;

-- name: holds_of
-- The holds of these deposits.
SELECT h.hold_id, h.deposit_id, h.processor, h.reference, h.authorized_minor, h.captured_minor, h.released_minor,
       h.expired_minor, h.open_minor, h.credit_minor, h.expires_at, h.announced
FROM holds h JOIN unnest($1::int[], $2::text[]) AS i (bucket, deposit_id)
  ON h.bucket = i.bucket AND h.deposit_id = i.deposit_id
WHERE i.bucket BETWEEN 0 AND 1023
ORDER BY h.hold_id;

-- name: write_changes
-- Everything that n changes write, in one statement: deposits, holds, operations, ledger, bills, exposures, events. A
-- deposit that has moved on since it was read (`version`) makes the whole fail, by a division by zero.
-- A bill is opened for what becomes owed; one that was paid is opened again. Each renter's transfers are one more link of
-- their chain; a day that has a root, or is about to get it, takes no more bookings: the next one does.
WITH updated AS (
    UPDATE deposits d
    SET state = i.state, processor = i.processor, payment_ref = i.payment_ref, decline_code = i.decline_code,
        authorized_minor = i.authorized_minor, captured_minor = i.captured_minor, released_minor = i.released_minor,
        expired_minor = i.expired_minor, open_minor = i.open_minor, charged_minor = i.charged_minor,
        paid_minor = i.paid_minor, payment_status = i.payment_status, compensated_minor = i.compensated_minor,
        refunded_minor = i.refunded_minor, written_off_minor = i.written_off_minor, purchase_minor = i.purchase_minor,
        settled_at = i.settled_at, closed_at = i.closed_at, version = d.version + 1
    FROM unnest($4::written_deposit[]) AS i
    WHERE d.bucket = i.bucket AND d.deposit_id = i.deposit_id AND d.version = i.version AND i.bucket BETWEEN 0 AND 1023
    RETURNING d.deposit_id
), held AS (
    INSERT INTO holds AS h (bucket, hold_id, deposit_id, renter_id, processor, reference, authorized_minor,
                            captured_minor, released_minor, expired_minor, open_minor, credit_minor, expires_at, announced)
    SELECT i.bucket, i.hold_id, i.deposit_id, i.renter_id, i.processor, i.reference, i.authorized_minor,
           i.captured_minor, i.released_minor, i.expired_minor, i.open_minor, i.credit_minor, i.expires_at, i.announced
    FROM unnest($5::changed_hold[]) AS i
    ON CONFLICT (bucket, hold_id) DO UPDATE
    SET authorized_minor = excluded.authorized_minor, captured_minor = excluded.captured_minor,
        released_minor = excluded.released_minor, expired_minor = excluded.expired_minor,
        open_minor = excluded.open_minor, announced = excluded.announced
), ended AS (
    UPDATE processor_operations o
    SET state = i.state, result_ref = i.result_ref, decline_code = i.decline_code, renter_action = i.renter_action
    FROM unnest($6::ended_operation[]) AS i
    WHERE o.bucket = i.bucket AND o.operation_id = i.operation_id AND i.bucket BETWEEN 0 AND 1023
), given_up AS (
    UPDATE processor_operations o SET given_up = true
    FROM unnest($7::given_up_operation[]) AS i
    WHERE o.bucket = i.bucket AND o.operation_id = i.operation_id AND i.bucket BETWEEN 0 AND 1023
), wanted AS (
    INSERT INTO processor_operations (bucket, operation_id, deposit_id, kind, amount_minor, currency, reference, state,
                                      result_ref, created_at, lease_until, processor, hold_id, final, source_id)
    SELECT i.bucket, i.operation_id, i.deposit_id, i.kind, i.amount_minor, i.currency, i.reference, i.state,
           i.result_ref, $1, $2, i.processor, i.hold_id, i.final, i.source_id
    FROM unnest($8::wanted_operation[]) AS i
), dated AS (
    SELECT greatest(($3::timestamptz AT TIME ZONE 'UTC')::date, (SELECT max(r.day) + 1 FROM ledger_roots r)) AS day
), linked AS (
    INSERT INTO ledger_heads AS h (bucket, renter_id, link, hash, booked_on)
    SELECT i.bucket, i.renter_id, 1, sha256(i.digest || convert_to(to_char(c.day, 'YYYY-MM-DD'), 'UTF8')), c.day
    FROM unnest($9::added_link[]) AS i, dated c
    ORDER BY i.bucket, i.renter_id
    ON CONFLICT (bucket, renter_id) DO UPDATE
    SET link = h.link + 1, hash = sha256(h.hash || excluded.hash),
        booked_on = greatest(h.booked_on, excluded.booked_on), rolled = false
    RETURNING h.bucket, h.renter_id, h.link, h.hash
), moved AS (
    INSERT INTO ledger_transfers (bucket, transfer_id, deposit_id, renter_id, partner_id, kind, occurred_at, corrects,
                                  booked_on, link, link_hash)
    SELECT i.bucket, i.transfer_id, i.deposit_id, i.renter_id, i.partner_id, i.kind, $3, i.corrects,
           c.day, l.link, l.hash
    FROM unnest($10::booked_transfer[]) AS i
    JOIN linked l ON l.bucket = i.bucket AND l.renter_id = i.renter_id, dated c
), entered AS (
    INSERT INTO ledger_entries (bucket, transfer_id, position, renter_id, account, currency, amount_minor)
    SELECT i.bucket, i.transfer_id, i.position, i.renter_id, i.account, i.currency, i.amount_minor
    FROM unnest($11::booked_entry[]) AS i
), balanced AS (
    INSERT INTO ledger_balances AS b (bucket, renter_id, account, currency, balance_minor)
    SELECT i.bucket, i.renter_id, i.account, i.currency, i.amount_minor
    FROM unnest($12::moved_balance[]) AS i
    ORDER BY i.bucket, i.renter_id, i.account, i.currency
    ON CONFLICT (bucket, renter_id, account, currency) DO UPDATE
    SET balance_minor = b.balance_minor + excluded.balance_minor
), billed AS (
    INSERT INTO bills AS b (bucket, deposit_id, renter_id, partner_id, state, opened_at, schedule, next_attempt_at)
    SELECT i.bucket, i.deposit_id, i.renter_id, i.partner_id, 'OPEN', $3, i.schedule::jsonb, i.next_attempt_at
    FROM unnest($13::opened_bill[]) AS i
    ON CONFLICT (bucket, deposit_id) DO UPDATE
    SET state = 'OPEN', opened_at = excluded.opened_at, schedule = excluded.schedule,
        next_attempt_at = excluded.next_attempt_at, attempts = 0, misses = 0, expected_minor = 0
    WHERE b.state = 'PAID'
), exposed AS (
    UPDATE exposures e
    SET open_count = e.open_count - i.ended,
        waived_minor = (SELECT coalesce(jsonb_object_agg(b.key, b.minor), '{}')
                        FROM (SELECT m.key, sum(m.minor)::bigint AS minor
                              FROM (SELECT w.key, w.value::bigint AS minor FROM jsonb_each_text(e.waived_minor) w
                                    UNION ALL
                                    SELECT w.key, -w.value::bigint FROM jsonb_each_text(i.waived_minor::jsonb) w) m
                              GROUP BY m.key HAVING sum(m.minor) <> 0) b)
    FROM unnest($14::ended_exposure[]) AS i
    WHERE e.bucket = i.bucket AND e.renter_id = i.renter_id AND i.bucket BETWEEN 0 AND 1023
), told AS (
    INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
    SELECT i.bucket, i.event_id, 'rental', 'DEPOSIT_CHANGED', i.renter_id, i.payload::jsonb, $1, $1, 0
    FROM unnest($15::told_event[]) AS i
)
SELECT 1 / (count(*) = cardinality($4))::int AS unmoved FROM updated;

-- name: lease_operations
-- Takes operations whose lease has run out, one taker each.
WITH due AS (
    SELECT bucket, operation_id FROM processor_operations
    WHERE state = 'WANTED' AND lease_until <= $1 ORDER BY lease_until LIMIT $3
)
UPDATE processor_operations o SET lease_until = $2, attempts = o.attempts + 1
FROM due, deposits d
WHERE o.bucket = due.bucket AND o.operation_id = due.operation_id AND o.state = 'WANTED' AND o.lease_until <= $1
  AND d.bucket = o.bucket AND d.deposit_id = o.deposit_id
RETURNING o.operation_id, o.deposit_id, o.kind, o.amount_minor, o.currency, o.reference, o.state, o.attempts,
          o.processor, o.hold_id, o.final, o.renter_action, o.result_ref, o.source_id, o.given_up,
          o.created_at, o.kind = 'AUTHORIZE' AND (d.state = 'CANCELLED' OR o.given_up) AS abandoned;

-- name: postpone_operation
-- Says when an operation is tried again.
UPDATE processor_operations SET lease_until = $3
WHERE bucket = $1 AND operation_id = $2 AND state = 'WANTED';

-- name: hasten_operation
-- A processor has news of an operation: it is taken up now.
UPDATE processor_operations SET lease_until = $3
WHERE bucket = $1 AND operation_id = $2 AND state = 'WANTED' AND lease_until > $3;

-- name: hasten_payment
-- A processor has news of a payment: what is wanted on it is taken up now; its hold is looked at.
WITH payment AS (
    SELECT o.bucket, o.deposit_id, o.hold_id FROM processor_operations o WHERE o.processor = $1 AND o.result_ref = $2
), hastened AS (
    UPDATE processor_operations o SET lease_until = $3 FROM payment p
    WHERE o.bucket = p.bucket AND o.deposit_id = p.deposit_id AND o.state = 'WANTED' AND o.lease_until > $3
)
UPDATE holds h SET look_at = $4 FROM payment p
WHERE h.bucket = p.bucket AND h.hold_id = p.hold_id AND h.open_minor > 0;
