-- name: partner_days
-- What a partner's accounts moved by day, what came before a day as one; what is not rolled up yet is added as it is.
-- OFFSET 0 has those transfers found by their chains; a partner's own would be searched whole.
SELECT CASE WHEN m.day >= $2 THEN m.day END AS day, m.account, m.currency,
       sum(m.debits_minor)::bigint AS debits_minor, sum(m.credits_minor)::bigint AS credits_minor
FROM (
    SELECT p.day, p.account, p.currency, p.debits_minor, p.credits_minor FROM ledger_partner_days p
    WHERE p.partner_id = $1 AND p.day < $3
    UNION ALL
    SELECT t.booked_on, e.account, e.currency, greatest(e.amount_minor, 0), greatest(-e.amount_minor, 0)
    FROM ledger_heads h CROSS JOIN LATERAL (
        SELECT x.bucket, x.transfer_id, x.partner_id, x.booked_on FROM ledger_transfers x
        WHERE x.bucket = h.bucket AND x.renter_id = h.renter_id AND x.link > h.rolled_link OFFSET 0
    ) t
    JOIN ledger_entries e ON e.bucket = t.bucket AND e.transfer_id = t.transfer_id
    WHERE NOT h.rolled AND t.partner_id = $1 AND t.booked_on < $3
) m GROUP BY 1, 2, 3 ORDER BY 1 NULLS FIRST, 2, 3;

-- name: renter_days
-- What a renter's accounts moved by day, what came before a day as one.
SELECT CASE WHEN t.booked_on >= $3 THEN t.booked_on END AS day, e.account, e.currency,
       coalesce(sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0), 0)::bigint AS debits_minor,
       coalesce(-sum(e.amount_minor) FILTER (WHERE e.amount_minor < 0), 0)::bigint AS credits_minor
FROM ledger_transfers t JOIN ledger_entries e ON e.bucket = t.bucket AND e.transfer_id = t.transfer_id
WHERE t.bucket = $1 AND t.renter_id = $2 AND t.booked_on < $4
GROUP BY 1, 2, 3 ORDER BY 1 NULLS FIRST, 2, 3;

-- name: partner_transfers
-- A partner's transfers in a span of days after a key, in the order of (day, id).
SELECT t.bucket, t.transfer_id, t.deposit_id, t.renter_id, t.partner_id, t.kind, t.occurred_at, t.corrects, t.booked_on
FROM ledger_transfers t
WHERE t.partner_id = $1 AND t.booked_on < $2 AND (t.booked_on, t.transfer_id) > ($3, $4)
  AND ($5 = '' OR t.renter_id = $5) AND ($6 = '' OR t.deposit_id = $6) AND ($7 = '' OR t.kind = $7)
ORDER BY t.booked_on, t.transfer_id LIMIT $8;

-- name: renter_transfers
-- A renter's transfers in a span of days after a key, in the order of (day, id).
SELECT t.bucket, t.transfer_id, t.deposit_id, t.renter_id, t.partner_id, t.kind, t.occurred_at, t.corrects, t.booked_on
FROM ledger_transfers t
WHERE t.bucket = $1 AND t.renter_id = $2 AND t.booked_on < $3 AND (t.booked_on, t.transfer_id) > ($4, $5)
  AND ($6 = '' OR t.deposit_id = $6) AND ($7 = '' OR t.kind = $7)
ORDER BY t.booked_on, t.transfer_id LIMIT $8;

-- name: entries_of
-- The entries of transfers.
SELECT e.transfer_id, e.account, e.currency, e.amount_minor
FROM ledger_entries e JOIN unnest($1::int[], $2::text[]) AS i (bucket, transfer_id)
  ON e.bucket = i.bucket AND e.transfer_id = i.transfer_id
ORDER BY e.transfer_id, e.position;
