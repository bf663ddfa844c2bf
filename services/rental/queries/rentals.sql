-- name: claim_rentals
-- Makes a REQUESTED rental of each free asset that is asked for, locking assets in their order. Of two that want one
-- asset the first has it; what is kept for somebody is free for them alone, and their reservation is used up. A request
-- that made a rental before makes none. The asset is asked for by its fixed code, or by its public one, which the claim
-- ends. One row per place: what was claimed, and whether the asset exists. The plan is pinned here: the asset's own, or its
-- name's newest version. LIMIT keeps the planner to one look-up per item, however it sees the tables.
WITH wanted AS (
    SELECT w.place, w.bucket, w.rental_id, w.partner_id, w.renter_id, w.asset_code, w.payment_method_id, w.request_id,
           w.fingerprint, w.requested_at, w.activate_by, w.follow_up_at
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[],
                $9::timestamptz[], $10::timestamptz[], $11::timestamptz[])
        WITH ORDINALITY AS w (bucket, rental_id, partner_id, renter_id, asset_code, payment_method_id, request_id,
                              fingerprint, requested_at, activate_by, follow_up_at, place)
),
found AS (
    SELECT w.place, a.partner_id, a.asset_id, a.reservation_id,
           a.state = 'AVAILABLE' OR (a.state = 'RESERVED' AND a.reserved_for = w.renter_id
                                     AND a.reserved_until > w.requested_at) AS free
    FROM wanted w
    CROSS JOIN LATERAL (
        SELECT q.partner_id, q.asset_id, q.state, q.reservation_id, q.reserved_for, q.reserved_until FROM assets q
        WHERE q.partner_id = w.partner_id AND q.code = w.asset_code
        UNION ALL
        SELECT q.partner_id, q.asset_id, q.state, q.reservation_id, q.reserved_for, q.reserved_until FROM asset_codes c
        JOIN assets q ON q.partner_id = c.partner_id AND q.asset_id = c.asset_id AND q.uses = c.uses
        WHERE c.partner_id = w.partner_id AND c.public_code = w.asset_code
        LIMIT 1) a
),
first AS (
    SELECT DISTINCT ON (f.partner_id, f.asset_id) f.place, f.partner_id, f.asset_id, f.reservation_id
    FROM found f
    JOIN wanted w ON w.place = f.place
    WHERE f.free AND NOT EXISTS (
        SELECT 1 FROM rentals r
        WHERE r.bucket = w.bucket AND r.renter_id = w.renter_id AND r.partner_id = w.partner_id
          AND r.start_request_id = w.request_id)
    ORDER BY f.partner_id, f.asset_id, f.place
),
locked AS (
    SELECT f.place, a.partner_id, a.asset_id, f.reservation_id
    FROM first f
    JOIN assets a ON a.partner_id = f.partner_id AND a.asset_id = f.asset_id
    WHERE a.state IN ('AVAILABLE', 'RESERVED') AND a.reservation_id IS NOT DISTINCT FROM f.reservation_id
    ORDER BY a.partner_id, a.asset_id
    FOR UPDATE OF a
),
claimed AS (
    UPDATE assets a
    SET state = 'RENTED', rental_id = w.rental_id, uses = a.uses + 1, reservation_id = NULL, reserved_for = NULL,
        reserved_until = NULL
    FROM locked l JOIN wanted w ON w.place = l.place
    WHERE a.partner_id = l.partner_id AND a.asset_id = l.asset_id
    RETURNING w.place, a.partner_id, a.asset_id, a.asset_kind, a.price_plan_id, a.price_plan_name, a.city,
              a.asset_class, a.monthly_rent_minor
),
used AS (
    UPDATE reservations v SET state = 'USED', rental_id = w.rental_id
    FROM locked l JOIN wanted w ON w.place = l.place
    WHERE v.bucket = w.bucket AND v.reservation_id = l.reservation_id
    RETURNING w.bucket, w.rental_id, w.partner_id, w.renter_id, v.reserved_at
),
priced AS (
    SELECT c.place, c.asset_id, c.asset_kind, p.price_plan_id, c.city, c.asset_class, c.monthly_rent_minor, p.currency
    FROM claimed c
    CROSS JOIN LATERAL (
        SELECT q.price_plan_id, q.currency FROM price_plans q
        WHERE q.partner_id = c.partner_id AND q.price_plan_id = COALESCE(c.price_plan_id, (
            SELECT n.price_plan_id FROM price_plans n
            WHERE n.partner_id = c.partner_id AND n.name = c.price_plan_name AND n.name <> ''
            ORDER BY n.version DESC
            LIMIT 1))
        LIMIT 1) p
),
made AS (
    INSERT INTO rentals (
        bucket, rental_id, version, partner_id, renter_id, asset_id, asset_code, asset_kind, price_plan_id, currency,
        payment_method_id, start_request_id, fingerprint, requested_at, activate_by, state, payment_status, reason_codes,
        decline_code, cancel_reason, follow_up, follow_up_at, city, asset_class, monthly_rent_minor)
    SELECT w.bucket, w.rental_id, 1, w.partner_id, w.renter_id, p.asset_id, w.asset_code, p.asset_kind, p.price_plan_id,
           p.currency, w.payment_method_id, w.request_id, w.fingerprint, w.requested_at, w.activate_by, 'REQUESTED',
           'NONE', '{}', '', '', 'SECURE', w.follow_up_at, p.city, p.asset_class, p.monthly_rent_minor
    FROM priced p
    JOIN wanted w ON w.place = p.place
),
noted AS (
    INSERT INTO rental_events (bucket, rental_id, sequence, kind, partner_id, renter_id, occurred_at, data)
    SELECT w.bucket, w.rental_id, 16, 'rental.requested', w.partner_id, w.renter_id, w.requested_at, '{}'::jsonb
    FROM priced p
    JOIN wanted w ON w.place = p.place
    UNION ALL
    SELECT u.bucket, u.rental_id, 1, 'rental.reserved', u.partner_id, u.renter_id, u.reserved_at, '{}'::jsonb
    FROM used u
)
SELECT w.place, f.asset_id IS NOT NULL AS exists, p.asset_id, p.asset_kind, p.price_plan_id, p.currency,
       p.city, p.asset_class, p.monthly_rent_minor
FROM wanted w
LEFT JOIN found f ON f.place = w.place
LEFT JOIN priced p ON p.place = w.place
ORDER BY w.place;

-- name: find_started
-- The rentals that these requests made, by place.
SELECT w.place, r.rental_id
FROM unnest($1::int[], $2::text[], $3::text[], $4::text[])
    WITH ORDINALITY AS w (bucket, renter_id, partner_id, request_id, place)
JOIN rentals r ON r.bucket = w.bucket AND r.renter_id = w.renter_id AND r.partner_id = w.partner_id
              AND r.start_request_id = w.request_id;

-- name: read_rentals
-- Rentals by their ids.
SELECT r.rental_id, r.version, r.partner_id, r.renter_id, r.asset_id, r.asset_code, r.asset_kind, r.price_plan_id,
       r.currency, r.payment_method_id, r.fingerprint, r.requested_at, r.activate_by, r.state, r.payment_status,
       r.deposit_id, r.deposit_state, r.outcome, r.reason_codes, r.deposit_currency, r.deposit_amount_minor,
       r.decline_code, r.charge_minor, r.started_at, r.ended_at, r.closing, r.closed_request_id, r.cancelled_at,
       r.cancel_reason, r.follow_up, r.follow_up_at, r.payment_failed_at, r.deposit_event_at, r.city,
       r.asset_class, r.monthly_rent_minor, r.price_inputs, r.due_at, r.wake_at, r.overdue_at, r.charged_at, r.purchase_minor,
       r.credit_minor, r.credit_purchase_minor, r.corrections, r.dispute_state, r.reported_at, r.claimed_end_at
FROM unnest($1::int[], $2::text[]) AS w (bucket, rental_id)
JOIN rentals r ON r.bucket = w.bucket AND r.rental_id = w.rental_id;

-- name: read_to_close
-- Rentals with the price plan pinned at their start and the passes that were valid then, by place; and whether the
-- closing request closed another rental.
-- LIMIT keeps the planner from starting at the plan, which all rentals of a partner may share.
SELECT w.place, r.rental_id, r.version, r.partner_id, r.renter_id, r.asset_id, r.asset_code, r.asset_kind,
       r.price_plan_id, r.currency, r.payment_method_id, r.fingerprint, r.requested_at, r.activate_by, r.state,
       r.payment_status, r.deposit_id, r.deposit_state, r.outcome, r.reason_codes, r.deposit_currency,
       r.deposit_amount_minor, r.decline_code, r.charge_minor, r.started_at, r.ended_at, r.closing, r.closed_request_id,
       r.cancelled_at, r.cancel_reason, r.follow_up, r.follow_up_at, r.payment_failed_at, r.deposit_event_at,
       r.city, r.asset_class, r.monthly_rent_minor, r.price_inputs, r.due_at, r.wake_at, r.overdue_at, r.charged_at, r.purchase_minor,
       r.credit_minor, r.credit_purchase_minor, r.corrections, r.dispute_state, r.reported_at, r.claimed_end_at,
       p.base_minor, p.segments, p.cap_per_day_minor, p.rules,
       (SELECT jsonb_agg(jsonb_build_array(u.pass_id, u.free_minutes, u.percent_off) ORDER BY u.valid_until, u.pass_id)
        FROM (
            SELECT s.pass_id, s.free_minutes, s.percent_off, s.valid_until FROM passes s
            WHERE s.bucket = r.bucket AND s.renter_id = r.renter_id AND s.partner_id = r.partner_id
              AND (s.asset_kind IS NULL OR s.asset_kind = r.asset_kind)
              AND s.valid_from <= r.started_at AND s.valid_until > r.started_at
            ORDER BY s.valid_until, s.pass_id
            LIMIT 16) u) AS passes,
       EXISTS (
           SELECT 1 FROM rentals o
           WHERE o.bucket = r.bucket AND o.renter_id = r.renter_id AND o.partner_id = r.partner_id
             AND o.closing = w.closing AND o.closed_request_id = w.request_id AND o.rental_id <> r.rental_id) AS reused
FROM unnest($1::int[], $2::text[], $3::text[], $4::text[])
    WITH ORDINALITY AS w (bucket, rental_id, closing, request_id, place)
JOIN rentals r ON r.bucket = w.bucket AND r.rental_id = w.rental_id
CROSS JOIN LATERAL (
    SELECT q.base_minor, q.segments, q.cap_per_day_minor, q.rules FROM price_plans q
    WHERE q.partner_id = r.partner_id AND q.price_plan_id = r.price_plan_id
    LIMIT 1) p;

-- name: save_rentals
-- Writes each change over the version that it was decided on, in the order of the ids; with it says how the asset stands,
-- puts the facts into the outbox, writes down what happened, and remembers the command. Gives the rentals that were written.
WITH change AS (
    SELECT c.bucket, c.rental_id, c.version, c.state, c.payment_status, c.deposit_id, c.deposit_state, c.outcome,
           c.reason_codes, c.deposit_currency, c.deposit_amount_minor, c.decline_code, c.charge_minor, c.started_at,
           c.ended_at, c.closing, c.closed_request_id, c.cancelled_at, c.cancel_reason, c.follow_up, c.follow_up_at,
           c.payment_failed_at, c.deposit_event_at, c.asset_state, c.due_at, c.wake_at, c.overdue_at, c.purchase_minor,
           c.credit_minor, c.credit_purchase_minor, c.corrections, c.dispute_state, c.reported_at, c.claimed_end_at,
           c.charged_at, c.price_inputs
    FROM unnest($1::int[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                $9::text[], $10::text[], $11::bigint[], $12::text[], $13::bigint[], $14::timestamptz[],
                $15::timestamptz[], $16::text[], $17::text[], $18::timestamptz[], $19::text[], $20::text[],
                $21::timestamptz[], $22::timestamptz[], $23::timestamptz[], $24::text[], $25::timestamptz[],
                $26::timestamptz[], $27::timestamptz[], $28::bigint[], $29::bigint[], $30::bigint[], $31::int[],
                $32::text[], $33::timestamptz[], $34::timestamptz[], $35::timestamptz[], $36::jsonb[])
        AS c (bucket, rental_id, version, state, payment_status, deposit_id, deposit_state, outcome, reason_codes,
              deposit_currency, deposit_amount_minor, decline_code, charge_minor, started_at, ended_at, closing,
              closed_request_id, cancelled_at, cancel_reason, follow_up, follow_up_at, payment_failed_at,
              deposit_event_at, asset_state, due_at, wake_at, overdue_at, purchase_minor, credit_minor,
              credit_purchase_minor, corrections, dispute_state, reported_at, claimed_end_at, charged_at,
              price_inputs)
),
locked AS (
    SELECT r.bucket, r.rental_id
    FROM change c
    JOIN rentals r ON r.bucket = c.bucket AND r.rental_id = c.rental_id
    WHERE r.version = c.version - 1
    ORDER BY r.bucket, r.rental_id
    FOR UPDATE OF r
),
saved AS (
    UPDATE rentals r SET
        version = c.version,
        state = c.state,
        payment_status = c.payment_status,
        deposit_id = c.deposit_id,
        deposit_state = c.deposit_state,
        outcome = c.outcome,
        reason_codes = string_to_array(c.reason_codes, ','),
        deposit_currency = c.deposit_currency,
        deposit_amount_minor = c.deposit_amount_minor,
        decline_code = c.decline_code,
        charge_minor = c.charge_minor,
        started_at = c.started_at,
        ended_at = c.ended_at,
        closing = c.closing,
        closed_request_id = c.closed_request_id,
        cancelled_at = c.cancelled_at,
        cancel_reason = c.cancel_reason,
        follow_up = c.follow_up,
        follow_up_at = c.follow_up_at,
        payment_failed_at = c.payment_failed_at,
        deposit_event_at = c.deposit_event_at,
        due_at = c.due_at,
        wake_at = c.wake_at,
        overdue_at = c.overdue_at,
        purchase_minor = c.purchase_minor,
        credit_minor = c.credit_minor,
        credit_purchase_minor = c.credit_purchase_minor,
        corrections = c.corrections,
        dispute_state = c.dispute_state,
        reported_at = c.reported_at,
        claimed_end_at = c.claimed_end_at,
        charged_at = c.charged_at,
        price_inputs = c.price_inputs
    FROM locked l
    JOIN change c ON c.bucket = l.bucket AND c.rental_id = l.rental_id
    WHERE r.bucket = l.bucket AND r.rental_id = l.rental_id
    RETURNING r.bucket, r.rental_id, r.partner_id, r.renter_id, r.asset_id, c.asset_state
),
stands AS (
    UPDATE assets a
    SET state = s.asset_state, rental_id = CASE s.asset_state WHEN 'AVAILABLE' THEN NULL ELSE a.rental_id END
    FROM saved s
    WHERE s.asset_state IS NOT NULL AND a.partner_id = s.partner_id AND a.asset_id = s.asset_id
      AND a.rental_id = s.rental_id
),
told AS (
    INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
    SELECT f.bucket, f.event_id, 'scoring', f.kind, f.renter_id, f.payload, $53, $53, 0
    FROM unnest($37::int[], $38::text[], $39::text[], $40::text[], $41::text[], $42::jsonb[])
        AS f (bucket, rental_id, event_id, kind, renter_id, payload)
    JOIN saved s ON s.rental_id = f.rental_id
),
noted AS (
    INSERT INTO rental_events (bucket, rental_id, sequence, kind, partner_id, renter_id, occurred_at, data)
    SELECT s.bucket, e.rental_id, e.sequence, e.kind, s.partner_id, s.renter_id, $54, e.data
    FROM unnest($43::text[], $44::bigint[], $45::text[], $46::jsonb[]) AS e (rental_id, sequence, kind, data)
    JOIN saved s ON s.rental_id = e.rental_id
),
remembered AS (
    INSERT INTO requests (bucket, caller, method, request_id, fingerprint, subject_id, created_at)
    SELECT q.bucket, q.caller, q.method, q.request_id, q.fingerprint, q.rental_id, $54
    FROM unnest($47::text[], $48::int[], $49::text[], $50::text[], $51::text[], $52::bytea[])
        AS q (rental_id, bucket, caller, method, request_id, fingerprint)
    JOIN saved s ON s.rental_id = q.rental_id
)
SELECT s.rental_id FROM saved s;

-- name: find_command
-- The rental that a command was about, and what it said.
SELECT q.fingerprint, q.subject_id FROM requests q
WHERE q.bucket = $1 AND q.caller = $2 AND q.method = $3 AND q.request_id = $4;

-- name: take_waking
-- Ids of rentals with which time makes something happen by now, earliest first.
SELECT r.rental_id FROM rentals r
WHERE r.wake_at <= $1
ORDER BY r.wake_at
LIMIT $2;

-- name: take_due
-- Leases rentals whose follow-up is due, earliest first: a deposit to secure until $2, anything else until $3. Who comes
-- second finds them leased.
WITH due AS (
    SELECT r.bucket, r.rental_id FROM rentals r
    WHERE r.follow_up <> 'NONE' AND r.follow_up_at <= $1
    ORDER BY r.follow_up_at
    LIMIT $4
),
locked AS (
    SELECT r.bucket, r.rental_id
    FROM due d
    JOIN rentals r ON r.bucket = d.bucket AND r.rental_id = d.rental_id
    WHERE r.follow_up <> 'NONE' AND r.follow_up_at <= $1
    ORDER BY r.bucket, r.rental_id
    FOR UPDATE OF r
)
UPDATE rentals r SET follow_up_at = CASE r.follow_up WHEN 'SECURE' THEN $2::timestamptz ELSE $3::timestamptz END
FROM locked l
WHERE r.bucket = l.bucket AND r.rental_id = l.rental_id
RETURNING r.rental_id;

-- name: list_of_partner
-- Ids of a partner's rentals before a given one, newest first.
SELECT r.rental_id FROM rentals r
WHERE r.partner_id = $1 AND r.rental_id < $2
  AND ($3::text IS NULL OR r.state = $3) AND ($4::text IS NULL OR r.asset_kind = $4)
  AND ($5 = '' OR r.asset_code = $5) AND ($6 = '' OR r.city = $6)
  AND ($7::timestamptz IS NULL OR r.requested_at >= $7)
  AND ($8::timestamptz IS NULL OR r.requested_at < $8)
ORDER BY r.rental_id DESC
LIMIT $9;

-- name: list_overdue_of_partner
-- The same of those that run and are overdue.
SELECT r.rental_id FROM rentals r
WHERE r.partner_id = $1 AND r.rental_id < $2 AND r.overdue_at IS NOT NULL AND r.state IN ('ACTIVE', 'PAUSED')
  AND ($3::text IS NULL OR r.state = $3) AND ($4::text IS NULL OR r.asset_kind = $4)
  AND ($5 = '' OR r.asset_code = $5) AND ($6 = '' OR r.city = $6)
  AND ($7::timestamptz IS NULL OR r.requested_at >= $7)
  AND ($8::timestamptz IS NULL OR r.requested_at < $8)
ORDER BY r.rental_id DESC
LIMIT $9;

-- name: list_of_renter
-- Ids of a renter's rentals, at one partner or at all, before a given one, newest first; all, or those that are overdue.
SELECT r.rental_id FROM rentals r
WHERE r.bucket = $1 AND r.renter_id = $2 AND ($3::text IS NULL OR r.partner_id = $3) AND r.rental_id < $4
  AND (NOT $5::boolean OR (r.overdue_at IS NOT NULL AND r.state IN ('ACTIVE', 'PAUSED')))
  AND ($6::text IS NULL OR r.state = $6) AND ($7::text IS NULL OR r.asset_kind = $7)
  AND ($8 = '' OR r.asset_code = $8) AND ($9 = '' OR r.city = $9)
  AND ($10::timestamptz IS NULL OR r.requested_at >= $10)
  AND ($11::timestamptz IS NULL OR r.requested_at < $11)
ORDER BY r.rental_id DESC
LIMIT $12;

-- name: events_after
-- What happened to a rental after an event, in order.
SELECT e.sequence, e.kind, e.occurred_at, e.data FROM rental_events e
WHERE e.bucket = $1 AND e.rental_id = $2 AND e.sequence > $3
ORDER BY e.sequence
LIMIT $4;
