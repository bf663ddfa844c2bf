-- name: lock_unrolled
-- Heads that are not rolled up, from a key on, locked in sorted order; whoever comes second finds them done.
SELECT h.bucket, h.renter_id FROM ledger_heads h
WHERE NOT h.rolled AND (h.bucket, h.renter_id) > ($1, $2)
ORDER BY h.bucket, h.renter_id LIMIT $3 FOR UPDATE;

-- name: roll_up
-- Adds what is new in locked chains to the days of their partners: each link once, since `rolled_link` moves with it.
WITH due AS (
    SELECT h.bucket, h.renter_id, h.link, h.rolled_link
    FROM unnest($1::int[], $2::text[]) AS i (bucket, renter_id)
    JOIN ledger_heads h ON h.bucket = i.bucket AND h.renter_id = i.renter_id
    WHERE i.bucket BETWEEN 0 AND 1023
), summed AS (
    SELECT t.partner_id, t.booked_on, e.account, e.currency,
           coalesce(sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0), 0)::bigint AS debits_minor,
           coalesce(-sum(e.amount_minor) FILTER (WHERE e.amount_minor < 0), 0)::bigint AS credits_minor
    FROM due d
    JOIN ledger_transfers t ON t.bucket = d.bucket AND t.renter_id = d.renter_id AND t.link > d.rolled_link
    JOIN ledger_entries e ON e.bucket = t.bucket AND e.transfer_id = t.transfer_id
    GROUP BY t.partner_id, t.booked_on, e.account, e.currency
), added AS (
    INSERT INTO ledger_partner_days AS p (partner_id, day, account, currency, debits_minor, credits_minor)
    SELECT s.partner_id, s.booked_on, s.account, s.currency, s.debits_minor, s.credits_minor FROM summed s
    ORDER BY s.partner_id, s.booked_on, s.account, s.currency
    ON CONFLICT (partner_id, day, account, currency) DO UPDATE
    SET debits_minor = p.debits_minor + excluded.debits_minor, credits_minor = p.credits_minor + excluded.credits_minor
)
UPDATE ledger_heads h SET rolled_link = d.link, rolled = true
FROM due d WHERE h.bucket = d.bucket AND h.renter_id = d.renter_id;

-- name: first_unsealed_day
-- The first day that is neither sealed nor closed to bookings; none before anything was booked.
SELECT coalesce((SELECT max(r.day) + 1 FROM ledger_roots r), (SELECT min(t.booked_on) FROM ledger_transfers t));

-- name: close_days
-- Closes days to bookings; those that somebody else has closed stay as they are.
INSERT INTO ledger_roots (day, closed_at) SELECT d.day, $2 FROM unnest($1::date[]) AS d (day)
ON CONFLICT (day) DO NOTHING;

-- name: next_to_seal
-- The first day that is closed and not sealed, closed no later than that, with the root of the day before.
SELECT r.day, p.root AS previous FROM ledger_roots r LEFT JOIN ledger_roots p ON p.day = r.day - 1
WHERE r.root IS NULL AND r.closed_at <= $1 ORDER BY r.day LIMIT 1;

-- name: leaves_of
-- The last link that each renter of some buckets has by the end of a day, where it is of that day.
SELECT h.bucket, h.renter_id, t.link, t.link_hash
FROM ledger_heads h CROSS JOIN LATERAL (
    SELECT x.link, x.link_hash, x.booked_on FROM ledger_transfers x
    WHERE x.bucket = h.bucket AND x.renter_id = h.renter_id AND x.booked_on <= $3 ORDER BY x.link DESC LIMIT 1
) t
WHERE h.bucket >= $1 AND h.bucket < $2 AND h.booked_on >= $3 AND t.booked_on = $3;

-- name: seal_day
-- Seals a day, unless it is sealed.
UPDATE ledger_roots SET root = $2, renters = $3 WHERE day = $1 AND root IS NULL;

-- name: list_roots
-- Sealed days before a day, newest first.
SELECT r.day, r.closed_at, r.renters, r.root FROM ledger_roots r
WHERE r.root IS NOT NULL AND r.day < $1 ORDER BY r.day DESC LIMIT $2;

-- name: period_to_close
-- Whether every day of a month is sealed, and whether something before it is still open.
SELECT EXISTS (SELECT 1 FROM ledger_roots r WHERE r.day = $2::date - 1 AND r.root IS NOT NULL) AS sealed,
       EXISTS (SELECT 1 FROM ledger_roots r WHERE r.day < $1)
       AND NOT EXISTS (SELECT 1 FROM ledger_periods p WHERE p.month = ($1::date - interval '1 month')::date) AS out_of_order;

-- name: period_totals
-- All entries booked in a span of days: what is rolled up, and what is not yet (see partner_days).
SELECT m.account, m.currency, sum(m.debits_minor)::bigint AS debits_minor, sum(m.credits_minor)::bigint AS credits_minor
FROM (
    SELECT p.account, p.currency, p.debits_minor, p.credits_minor FROM ledger_partner_days p
    WHERE p.day >= $1 AND p.day < $2
    UNION ALL
    SELECT e.account, e.currency, greatest(e.amount_minor, 0), greatest(-e.amount_minor, 0)
    FROM ledger_heads h CROSS JOIN LATERAL (
        SELECT x.bucket, x.transfer_id, x.booked_on FROM ledger_transfers x
        WHERE x.bucket = h.bucket AND x.renter_id = h.renter_id AND x.link > h.rolled_link OFFSET 0
    ) t
    JOIN ledger_entries e ON e.bucket = t.bucket AND e.transfer_id = t.transfer_id
    WHERE NOT h.rolled AND t.booked_on >= $1 AND t.booked_on < $2
) m GROUP BY m.account, m.currency ORDER BY m.account, m.currency;

-- name: close_period
-- Closes a month; one that is closed stays as it is.
INSERT INTO ledger_periods (month, closed_by, closed_at, totals) VALUES ($1, $2, $3, $4) ON CONFLICT (month) DO NOTHING;

-- name: read_periods
-- Closed months that touch a span of days.
SELECT p.month, p.closed_by, p.closed_at, p.totals FROM ledger_periods p
WHERE p.month >= date_trunc('month', $1::timestamp)::date AND p.month < $2 ORDER BY p.month;
