-- name: audit_entries
-- Everything that was booked of the renters of a bucket.
SELECT t.transfer_id, t.deposit_id, t.renter_id, t.partner_id, t.kind, t.occurred_at, t.corrects, t.booked_on, t.link,
       t.link_hash, e.position, e.renter_id AS entry_renter_id, e.account, e.currency, e.amount_minor
FROM ledger_transfers t LEFT JOIN ledger_entries e ON e.bucket = t.bucket AND e.transfer_id = t.transfer_id
WHERE t.bucket = $1 ORDER BY t.transfer_id, e.position;

-- name: audit_heads
-- The ends of the chains of a bucket.
SELECT h.renter_id, h.link, h.hash, h.rolled_link, h.rolled FROM ledger_heads h WHERE h.bucket = $1;

-- name: audit_balances
-- The balances of the renters of a bucket.
SELECT b.renter_id, b.account, b.currency, b.balance_minor FROM ledger_balances b WHERE b.bucket = $1;

-- name: audit_roots
-- Every day that is closed to bookings, and its root.
SELECT r.day, r.closed_at, coalesce(r.renters, 0) AS renters, coalesce(r.root, '') AS root FROM ledger_roots r ORDER BY r.day;

-- name: audit_partner_days
-- Everything that was rolled up.
SELECT p.partner_id, p.day, p.account, p.currency, p.debits_minor, p.credits_minor FROM ledger_partner_days p;

-- name: audit_periods
-- Every closed month.
SELECT p.month, p.closed_by, p.closed_at, p.totals FROM ledger_periods p ORDER BY p.month;
