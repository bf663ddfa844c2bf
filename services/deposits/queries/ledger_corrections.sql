-- name: read_transfer
-- A transfer with what it moved: the sum of its debits that are not of held money.
SELECT t.deposit_id, t.renter_id, t.partner_id, t.kind, min(e.currency) AS currency, array_agg(e.account) AS accounts,
       coalesce(sum(e.amount_minor) FILTER (
           WHERE e.amount_minor > 0 AND e.account NOT IN ('processor_authorized', 'deposits_held')), 0)::bigint AS amount_minor
FROM ledger_transfers t JOIN ledger_entries e ON e.bucket = t.bucket AND e.transfer_id = t.transfer_id
WHERE t.bucket = $1 AND t.transfer_id = $2
GROUP BY t.bucket, t.transfer_id;

-- name: corrections_of
-- All corrections of a transfer, booked and proposed.
SELECT c.correction_id, c.transfer_id, c.deposit_id, c.renter_id, c.partner_id, c.account, c.currency, c.amount_minor,
       c.reason, c.author, c.proposed_at, c.state, c.approver, c.booked_at
FROM ledger_corrections c WHERE c.bucket = $1 AND c.transfer_id = $2 ORDER BY c.correction_id;

-- name: read_correction
-- One correction.
SELECT c.correction_id, c.transfer_id, c.deposit_id, c.renter_id, c.partner_id, c.account, c.currency, c.amount_minor,
       c.reason, c.author, c.proposed_at, c.state, c.approver, c.booked_at
FROM ledger_corrections c WHERE c.bucket = $1 AND c.correction_id = $2;

-- name: list_corrections
-- Corrections before a key, newest first, in one state or in any.
SELECT c.correction_id, c.transfer_id, c.deposit_id, c.renter_id, c.partner_id, c.account, c.currency, c.amount_minor,
       c.reason, c.author, c.proposed_at, c.state, c.approver, c.booked_at
FROM ledger_corrections c
WHERE ($1 = '' OR c.state = $1) AND ($2 = '' OR c.correction_id < $2)
ORDER BY c.correction_id DESC LIMIT $3;

-- name: save_correction
-- A new correction, or a proposal that is booked.
INSERT INTO ledger_corrections (bucket, correction_id, transfer_id, deposit_id, renter_id, partner_id, account, currency,
                                amount_minor, reason, author, proposed_at, state, approver, booked_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (bucket, correction_id) DO UPDATE
SET state = excluded.state, approver = excluded.approver, booked_at = excluded.booked_at;
