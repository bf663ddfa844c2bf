-- name: lock_deposits
-- Locks deposits in sorted order, so that two batches never wait for each other in a circle.
SELECT d.deposit_id, d.rental_id, d.renter_id, d.partner_id, d.state, d.outcome, d.reason_codes, d.policy_id, d.model_version, d.score, d.currency,
       d.amount_minor, d.payment_ref, d.decided_at, d.decline_code, d.authorized_minor, d.captured_minor,
       d.released_minor, d.expired_minor, d.open_minor, d.charged_minor, d.paid_minor, d.payment_status, d.settled_at, d.closed_at,
       d.facts_version, d.processor, d.compensation_limit_minor, d.compensated_minor, d.refunded_minor,
       d.written_off_minor, d.purchase_minor
FROM deposits d JOIN unnest($1::int[], $2::text[]) AS i (bucket, deposit_id)
  ON d.bucket = i.bucket AND d.deposit_id = i.deposit_id
ORDER BY d.bucket, d.deposit_id FOR UPDATE OF d;

-- name: operations_of
-- All that was ever asked of the processor for these deposits.
SELECT o.operation_id, o.deposit_id, o.kind, o.amount_minor, o.currency, o.reference, o.state, o.attempts, o.processor,
       o.hold_id, o.final, o.renter_action, o.result_ref, o.source_id, o.given_up
FROM processor_operations o JOIN unnest($1::int[], $2::text[]) AS i (bucket, deposit_id)
  ON o.bucket = i.bucket AND o.deposit_id = i.deposit_id
ORDER BY o.operation_id;

-- name: holds_of
-- The holds of these deposits.
SELECT h.hold_id, h.deposit_id, h.processor, h.reference, h.authorized_minor, h.captured_minor, h.released_minor,
       h.expired_minor, h.open_minor, h.credit_minor, h.expires_at, h.announced
FROM holds h JOIN unnest($1::int[], $2::text[]) AS i (bucket, deposit_id)
  ON h.bucket = i.bucket AND h.deposit_id = i.deposit_id
ORDER BY h.hold_id;

-- name: write_changes
-- Everything that n changes write, in one statement: deposits, holds, operations, ledger, bills, exposures, events.
-- A bill is opened for what becomes owed; one that was paid is opened again. Each renter's transfers are one more link of
-- their chain; a day that has a root, or is about to get it, takes no more bookings: the next one does.
WITH updated AS (
    UPDATE deposits d
    SET state = i.state, processor = i.processor, payment_ref = i.payment_ref, decline_code = i.decline_code,
        compensated_minor = i.compensated_minor, refunded_minor = i.refunded_minor,
        written_off_minor = i.written_off_minor, purchase_minor = i.purchase_minor, authorized_minor = i.authorized_minor, captured_minor = i.captured_minor,
        released_minor = i.released_minor, expired_minor = i.expired_minor, open_minor = i.open_minor,
        charged_minor = i.charged_minor, paid_minor = i.paid_minor, payment_status = i.payment_status,
        settled_at = i.settled_at, closed_at = i.closed_at
    FROM jsonb_to_recordset($1::jsonb) AS i (
        bucket int, deposit_id text, state text, processor text, payment_ref text, decline_code text,
        compensated_minor bigint, refunded_minor bigint, written_off_minor bigint, purchase_minor bigint,
        authorized_minor bigint, captured_minor bigint, released_minor bigint, expired_minor bigint, open_minor bigint,
        charged_minor bigint, paid_minor bigint, payment_status text, settled_at timestamptz, closed_at timestamptz)
    WHERE d.bucket = i.bucket AND d.deposit_id = i.deposit_id
), held AS (
    INSERT INTO holds AS h (bucket, hold_id, deposit_id, renter_id, processor, reference, authorized_minor,
                            captured_minor, released_minor, expired_minor, open_minor, credit_minor, expires_at, announced)
    SELECT i.bucket, i.hold_id, i.deposit_id, i.renter_id, i.processor, i.reference, i.authorized_minor,
           i.captured_minor, i.released_minor, i.expired_minor, i.open_minor, i.credit_minor, i.expires_at, i.announced
    FROM jsonb_to_recordset($11::jsonb) AS i (
        bucket int, hold_id text, deposit_id text, renter_id text, processor text, reference text,
        authorized_minor bigint, captured_minor bigint, released_minor bigint, expired_minor bigint, open_minor bigint,
        credit_minor bigint, expires_at timestamptz, announced boolean)
    ON CONFLICT (bucket, hold_id) DO UPDATE
    SET authorized_minor = excluded.authorized_minor, captured_minor = excluded.captured_minor,
        released_minor = excluded.released_minor, expired_minor = excluded.expired_minor,
        open_minor = excluded.open_minor, announced = excluded.announced
), ended AS (
    UPDATE processor_operations o
    SET state = i.state, result_ref = i.result_ref, decline_code = i.decline_code, renter_action = i.renter_action
    FROM jsonb_to_recordset($2::jsonb) AS i (
        bucket int, operation_id text, state text, result_ref text, decline_code text, renter_action text)
    WHERE o.bucket = i.bucket AND o.operation_id = i.operation_id
), given_up AS (
    UPDATE processor_operations o SET given_up = true
    FROM jsonb_to_recordset($12::jsonb) AS i (bucket int, operation_id text)
    WHERE o.bucket = i.bucket AND o.operation_id = i.operation_id
), wanted AS (
    INSERT INTO processor_operations (bucket, operation_id, deposit_id, kind, amount_minor, currency, reference, state,
                                      result_ref, created_at, lease_until, processor, hold_id, final, source_id)
    SELECT i.bucket, i.operation_id, i.deposit_id, i.kind, i.amount_minor, i.currency, i.reference, i.state,
           i.result_ref, $8, $9, i.processor, i.hold_id, i.final, i.source_id
    FROM jsonb_to_recordset($3::jsonb) AS i (
        bucket int, operation_id text, deposit_id text, kind text, amount_minor bigint, currency text, reference text,
        state text, result_ref text, processor text, hold_id text, final boolean, source_id text)
), dated AS (
    SELECT greatest(($10::timestamptz AT TIME ZONE 'UTC')::date, (SELECT max(r.day) + 1 FROM ledger_roots r)) AS day
), linked AS (
    INSERT INTO ledger_heads AS h (bucket, renter_id, link, hash, booked_on)
    SELECT i.bucket, i.renter_id, 1,
           sha256(decode(i.digest, 'hex') || convert_to(to_char(c.day, 'YYYY-MM-DD'), 'UTF8')), c.day
    FROM jsonb_to_recordset($14::jsonb) AS i (bucket int, renter_id text, digest text), dated c
    ORDER BY i.bucket, i.renter_id
    ON CONFLICT (bucket, renter_id) DO UPDATE
    SET link = h.link + 1, hash = sha256(h.hash || excluded.hash),
        booked_on = greatest(h.booked_on, excluded.booked_on), rolled = false
    RETURNING h.bucket, h.renter_id, h.link, h.hash
), moved AS (
    INSERT INTO ledger_transfers (bucket, transfer_id, deposit_id, renter_id, partner_id, kind, occurred_at, corrects,
                                  booked_on, link, link_hash)
    SELECT i.bucket, i.transfer_id, i.deposit_id, i.renter_id, i.partner_id, i.kind, $10, i.corrects,
           c.day, l.link, l.hash
    FROM jsonb_to_recordset($4::jsonb) AS i (
        bucket int, transfer_id text, deposit_id text, renter_id text, partner_id text, kind text, corrects text)
    JOIN linked l ON l.bucket = i.bucket AND l.renter_id = i.renter_id, dated c
), entered AS (
    INSERT INTO ledger_entries (bucket, transfer_id, position, renter_id, account, currency, amount_minor)
    SELECT i.bucket, i.transfer_id, i.position, i.renter_id, i.account, i.currency, i.amount_minor
    FROM jsonb_to_recordset($5::jsonb) AS i (
        bucket int, transfer_id text, position int, renter_id text, account text, currency text, amount_minor bigint)
), balanced AS (
    INSERT INTO ledger_balances AS b (bucket, renter_id, account, currency, balance_minor)
    SELECT i.bucket, i.renter_id, i.account, i.currency, sum(i.amount_minor)
    FROM jsonb_to_recordset($5::jsonb) AS i (
        bucket int, renter_id text, account text, currency text, amount_minor bigint)
    GROUP BY i.bucket, i.renter_id, i.account, i.currency
    ORDER BY i.bucket, i.renter_id, i.account, i.currency
    ON CONFLICT (bucket, renter_id, account, currency) DO UPDATE
    SET balance_minor = b.balance_minor + excluded.balance_minor
), billed AS (
    INSERT INTO bills AS b (bucket, deposit_id, renter_id, partner_id, state, opened_at, schedule, next_attempt_at)
    SELECT i.bucket, i.deposit_id, i.renter_id, i.partner_id, 'OPEN', $10, i.schedule, i.next_attempt_at
    FROM jsonb_to_recordset($13::jsonb) AS i (
        bucket int, deposit_id text, renter_id text, partner_id text, schedule jsonb, next_attempt_at timestamptz)
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
                                    SELECT w.key, -w.value::bigint FROM jsonb_each_text(i.waived_minor) w) m
                              GROUP BY m.key HAVING sum(m.minor) <> 0) b)
    FROM (SELECT y.bucket, y.renter_id, sum(y.ended)::int AS ended, jsonb_object_agg(y.currency, y.minor) AS waived_minor
          FROM (SELECT x.bucket, x.renter_id, x.currency, count(*) AS ended, sum(x.waived_minor)::bigint AS minor
                FROM jsonb_to_recordset($6::jsonb) AS x (bucket int, renter_id text, currency text, waived_minor bigint)
                GROUP BY x.bucket, x.renter_id, x.currency) y
          GROUP BY y.bucket, y.renter_id) AS i
    WHERE e.bucket = i.bucket AND e.renter_id = i.renter_id
)
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
SELECT i.bucket, i.event_id, 'rental', 'DEPOSIT_CHANGED', i.renter_id, i.payload, $8, $8, 0
FROM jsonb_to_recordset($7::jsonb) AS i (bucket int, event_id text, renter_id text, payload jsonb);

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
