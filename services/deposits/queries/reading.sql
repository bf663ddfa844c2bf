-- name: read_deposits
-- Deposits by their ids.
SELECT d.deposit_id, d.rental_id, d.renter_id, d.partner_id, d.state, d.outcome, d.reason_codes, d.policy_id, d.model_version, d.score, d.currency,
       d.amount_minor, d.payment_ref, d.decided_at, d.decline_code, d.authorized_minor, d.captured_minor,
       d.released_minor, d.expired_minor, d.open_minor, d.charged_minor, d.paid_minor, d.payment_status, d.settled_at, d.closed_at,
       d.facts_version, d.processor, d.compensation_limit_minor, d.compensated_minor, d.refunded_minor,
       d.written_off_minor, d.purchase_minor
FROM deposits d JOIN unnest($1::int[], $2::text[]) AS i (bucket, deposit_id)
  ON d.bucket = i.bucket AND d.deposit_id = i.deposit_id;

-- name: renter_action
-- What the renter's app needs to have a pending hold confirmed, or what is owed paid.
SELECT o.renter_action FROM processor_operations o JOIN unnest($1::int[], $2::text[]) AS i (bucket, deposit_id)
  ON o.bucket = i.bucket AND o.deposit_id = i.deposit_id
WHERE o.state = 'WANTED' AND NOT o.given_up AND o.renter_action <> '' LIMIT 1;

-- name: list_partner_deposits
-- A partner's deposits before a key, newest first; of one renter or of all, in one state or in any.
SELECT d.deposit_id, d.rental_id, d.renter_id, d.partner_id, d.state, d.outcome, d.reason_codes, d.policy_id, d.model_version, d.score, d.currency,
       d.amount_minor, d.payment_ref, d.decided_at, d.decline_code, d.authorized_minor, d.captured_minor,
       d.released_minor, d.expired_minor, d.open_minor, d.charged_minor, d.paid_minor, d.payment_status, d.settled_at, d.closed_at,
       d.facts_version, d.processor, d.compensation_limit_minor, d.compensated_minor, d.refunded_minor,
       d.written_off_minor, d.purchase_minor
FROM deposits d
WHERE d.partner_id = $1 AND ($2 = '' OR d.renter_id = $2) AND ($3 = '' OR d.state = $3)
  AND ($4 = '' OR d.deposit_id < $4)
ORDER BY d.deposit_id DESC LIMIT $5;

-- name: list_renter_deposits
-- A renter's deposits before a key, newest first, in one state or in any.
SELECT d.deposit_id, d.rental_id, d.renter_id, d.partner_id, d.state, d.outcome, d.reason_codes, d.policy_id, d.model_version, d.score, d.currency,
       d.amount_minor, d.payment_ref, d.decided_at, d.decline_code, d.authorized_minor, d.captured_minor,
       d.released_minor, d.expired_minor, d.open_minor, d.charged_minor, d.paid_minor, d.payment_status, d.settled_at, d.closed_at,
       d.facts_version, d.processor, d.compensation_limit_minor, d.compensated_minor, d.refunded_minor,
       d.written_off_minor, d.purchase_minor
FROM deposits d
WHERE d.bucket = $1 AND d.renter_id = $2 AND ($3 = '' OR d.state = $3) AND ($4 = '' OR d.deposit_id < $4)
ORDER BY d.deposit_id DESC LIMIT $5;

-- name: account_totals
-- Every account and currency, from the entries.
SELECT account, currency, sum(amount_minor)::bigint AS balance_minor,
       coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0)::bigint AS debits_minor,
       coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0)::bigint AS credits_minor
FROM ledger_entries GROUP BY account, currency ORDER BY account, currency;

-- name: ledger_findings
-- What is wrong with the ledger, one line each; no rows when nothing is.
SELECT 'transfer does not sum to zero: ' || transfer_id AS finding FROM ledger_entries
GROUP BY bucket, transfer_id, currency HAVING sum(amount_minor) <> 0
UNION ALL
SELECT 'balance is not the sum of its entries: ' || coalesce(b.account, s.account) || ' of ' ||
       coalesce(b.renter_id, s.renter_id)
FROM ledger_balances b FULL JOIN (
    SELECT bucket, renter_id, account, currency, sum(amount_minor) AS balance_minor FROM ledger_entries
    GROUP BY bucket, renter_id, account, currency
) s ON s.bucket = b.bucket AND s.renter_id = b.renter_id AND s.account = b.account AND s.currency = b.currency
WHERE coalesce(b.balance_minor, 0) <> coalesce(s.balance_minor, 0)
UNION ALL
SELECT 'parts of the hold do not add up: ' || deposit_id FROM deposits
WHERE authorized_minor <> captured_minor + released_minor + expired_minor + open_minor
UNION ALL
SELECT 'the ledger holds another amount than the deposits: ' || coalesce(d.renter_id, l.renter_id)
FROM (SELECT bucket, renter_id, sum(open_minor) AS open_minor FROM deposits GROUP BY bucket, renter_id) d
FULL JOIN (SELECT bucket, renter_id, -sum(balance_minor) AS held_minor FROM ledger_balances
           WHERE account = 'deposits_held' GROUP BY bucket, renter_id) l
  ON l.bucket = d.bucket AND l.renter_id = d.renter_id
WHERE coalesce(d.open_minor, 0) <> coalesce(l.held_minor, 0)
UNION ALL
SELECT 'the exposure is not what is waived: ' || coalesce(w.renter_id, e.renter_id)
FROM (SELECT bucket, renter_id, sum(n) AS open_count, jsonb_object_agg(currency, minor) AS waived_minor
      FROM (SELECT bucket, renter_id, currency, count(*) AS n, sum(compensation_limit_minor)::bigint AS minor
            FROM deposits WHERE state = 'WAIVED' AND settled_at IS NULL GROUP BY bucket, renter_id, currency) d
      GROUP BY bucket, renter_id) w
FULL JOIN (SELECT bucket, renter_id, open_count, waived_minor FROM exposures) e
  ON e.bucket = w.bucket AND e.renter_id = w.renter_id
WHERE coalesce(w.open_count, 0) <> coalesce(e.open_count, 0)
   OR coalesce(w.waived_minor, '{}') <> coalesce(e.waived_minor, '{}')
UNION ALL
SELECT 'the ledger is owed another amount than the deposits: ' || coalesce(d.renter_id, l.renter_id)
FROM (SELECT bucket, renter_id, sum(charged_minor - paid_minor - written_off_minor) AS owed_minor FROM deposits
      GROUP BY bucket, renter_id) d
FULL JOIN (SELECT bucket, renter_id, sum(balance_minor) AS owed_minor FROM ledger_balances
           WHERE account = 'renter_receivable' GROUP BY bucket, renter_id) l
  ON l.bucket = d.bucket AND l.renter_id = d.renter_id
WHERE coalesce(d.owed_minor, 0) <> coalesce(l.owed_minor, 0);

-- name: counts
-- What is under way.
SELECT (SELECT count(*) FROM deposits WHERE open_minor > 0) AS open_holds,
       (SELECT count(*) FROM deposits WHERE state = 'PENDING') AS pending_deposits,
       (SELECT count(*) FROM deposits WHERE payment_status IN ('DUE', 'IN_PROGRESS', 'FAILED')) AS unpaid_bills,
       (SELECT count(*) FROM outbox) AS outbox_waiting;
