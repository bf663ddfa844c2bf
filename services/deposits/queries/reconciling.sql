-- name: plan_run
-- A run that is to be worked on; one that is known already stays as it is.
INSERT INTO reconciliation_runs (run_id, processor, since, until, daily, requested_by, state, reached, created_at,
                                 lease_until, totals)
VALUES ($1, $2, $3, $4, $5, $6, 'RUNNING', $3, $7, $8, '{}')
ON CONFLICT (run_id) DO NOTHING;

-- name: lease_run
-- Takes a run that nobody works on, oldest first.
WITH due AS (
    SELECT run_id FROM reconciliation_runs
    WHERE state = 'RUNNING' AND lease_until <= $1 ORDER BY lease_until, created_at LIMIT 1
)
UPDATE reconciliation_runs r SET lease_until = $2, attempts = r.attempts + 1 FROM due
WHERE r.run_id = due.run_id AND r.state = 'RUNNING' AND r.lease_until <= $1
RETURNING r.run_id, r.processor, r.since, r.until, r.daily, r.requested_by, r.state, r.reached, r.created_at, r.attempts,
          r.finished_at, r.failure, r.payments, r.in_flight, r.unsettled, r.differences, r.totals;

-- name: renew_run
-- Keeps a run that is ours still: nobody has taken it up since.
UPDATE reconciliation_runs SET lease_until = $3 WHERE run_id = $1 AND attempts = $2 AND state = 'RUNNING'
RETURNING run_id;

-- name: advance_run
-- A slice is judged: the run goes on behind it, and ends with its window. No row when somebody else was there before.
UPDATE reconciliation_runs
SET reached = $3, state = $4, finished_at = $5, payments = $6, in_flight = $7, unsettled = $8, differences = $9,
    totals = $10
WHERE run_id = $1 AND reached = $2 AND state = 'RUNNING'
RETURNING run_id;

-- name: fail_run
-- A run that is put off, or given up.
UPDATE reconciliation_runs SET state = $3, lease_until = $4, failure = $5, finished_at = $6
WHERE run_id = $1 AND attempts = $2 AND state = 'RUNNING';

-- name: read_run
-- One run.
SELECT r.run_id, r.processor, r.since, r.until, r.daily, r.requested_by, r.state, r.reached, r.created_at, r.attempts,
       r.finished_at, r.failure, r.payments, r.in_flight, r.unsettled, r.differences, r.totals
FROM reconciliation_runs r WHERE r.run_id = $1;

-- name: last_day
-- The latest day that had a daily run.
SELECT max(r.since) AS since FROM reconciliation_runs r WHERE r.processor = $1 AND r.daily;

-- name: days_with_something_open
-- Moments of days whose last daily run left something unsettled or failed, or that have undecided differences.
SELECT DISTINCT d.at AS moment FROM reconciliation_differences d
WHERE d.processor = $1 AND d.at >= $2 AND d.state NOT IN ('GONE', 'DISMISSED')
UNION
SELECT l.since FROM (
    SELECT DISTINCT ON (r.since) r.since, r.unsettled, r.state FROM reconciliation_runs r
    WHERE r.processor = $1 AND r.daily AND r.since >= $2 ORDER BY r.since, r.created_at DESC
) l
WHERE l.unsettled > 0 OR l.state = 'FAILED';

-- name: last_finished
-- When a daily run of each processor was last done.
SELECT r.processor, max(r.finished_at) AS finished_at FROM reconciliation_runs r
WHERE r.daily AND r.state = 'DONE' GROUP BY r.processor;

-- name: asked_between
-- Payments that were asked for in a window: operation ids sort by when they were made, so the key is the index.
SELECT o.operation_id, o.deposit_id FROM processor_operations o
WHERE o.bucket = ANY($1::int[]) AND o.operation_id >= $2 AND o.operation_id < $3 AND o.processor = $4
  AND o.kind IN ('AUTHORIZE', 'CHARGE', 'REFUND');

-- name: deposits_of_payments
-- Whose each payment of a processor is, in order: by our key, else by its own reference; no row where it is nobody's.
SELECT i.ordinal, coalesce(k.deposit_id, r.deposit_id) AS deposit_id
FROM unnest($2::int[], $3::text[], $4::text[]) WITH ORDINALITY AS i (bucket, operation_id, reference, ordinal)
LEFT JOIN processor_operations k
  ON k.bucket = i.bucket AND k.operation_id = i.operation_id AND k.processor = $1
LEFT JOIN LATERAL (
    SELECT o.deposit_id FROM processor_operations o
    WHERE o.processor = $1 AND o.result_ref = i.reference AND o.result_ref <> '' LIMIT 1
) r ON true
WHERE coalesce(k.deposit_id, r.deposit_id) IS NOT NULL;

-- name: waiting_since
-- Operations that have waited for their outcome since before a moment.
SELECT o.operation_id, o.deposit_id, o.kind, o.amount_minor, o.currency, o.reference, o.state, o.attempts, o.processor,
       o.hold_id, o.final, o.renter_action, o.result_ref, o.source_id, o.given_up, o.created_at
FROM processor_operations o
WHERE o.state = 'WANTED' AND o.processor = $1 AND o.created_at <= $2;

-- name: asked_of
-- All that was ever asked of processors for these deposits, with its time.
SELECT o.operation_id, o.deposit_id, o.kind, o.amount_minor, o.currency, o.reference, o.state, o.attempts, o.processor,
       o.hold_id, o.final, o.renter_action, o.result_ref, o.source_id, o.given_up, o.created_at
FROM processor_operations o JOIN unnest($1::int[], $2::text[]) AS i (bucket, deposit_id)
  ON o.bucket = i.bucket AND o.deposit_id = i.deposit_id
ORDER BY o.operation_id;

-- name: ledger_of
-- What the ledger's entries say of these deposits, by kind of movement, in the accounts that stand for processors.
SELECT t.deposit_id, t.kind, e.account, e.currency, sum(e.amount_minor)::bigint AS amount_minor,
       max(t.occurred_at) AS moved_at
FROM unnest($1::int[], $2::text[], $3::text[]) AS i (bucket, renter_id, deposit_id)
JOIN ledger_transfers t ON t.bucket = i.bucket AND t.renter_id = i.renter_id AND t.deposit_id = i.deposit_id
JOIN ledger_entries e ON e.bucket = t.bucket AND e.transfer_id = t.transfer_id
WHERE e.account IN ('deposits_held', 'processor_receivable')
GROUP BY t.deposit_id, t.kind, e.account, e.currency;

-- name: accounted_references
-- Payments that were undone at the processor by a repair, and what undid them.
SELECT d.reference, d.repair_ref FROM reconciliation_differences d
WHERE d.processor = $1 AND d.repair_ref <> '' AND d.reference = ANY($2::text[])
UNION
SELECT d.reference, d.repair_ref FROM reconciliation_differences d
WHERE d.processor = $1 AND d.repair_ref <> '' AND d.repair_ref = ANY($2::text[]);

-- name: save_differences
-- What a slice has found: new, known, or found again. What was decided stays decided until its amounts change; what was
-- repaired before the report was asked for and is found again has not been repaired.
INSERT INTO reconciliation_differences AS d (
    difference_id, run_id, processor, kind, repair, deposit_id, operation_id, reference, currency, ours, theirs, at, state,
    first_seen_at, last_seen_at, lease_until)
SELECT i.difference_id, $2, i.processor, i.kind, i.repair, i.deposit_id, i.operation_id, i.reference, i.currency, i.ours,
       i.theirs, i.at, 'OPEN', $3, $3, $4
FROM jsonb_to_recordset($1::jsonb) AS i (
    difference_id text, processor text, kind text, repair text, deposit_id text, operation_id text, reference text,
    currency text, ours bigint[], theirs bigint[], at timestamptz)
ON CONFLICT (difference_id) DO UPDATE
SET run_id = excluded.run_id, last_seen_at = excluded.last_seen_at, repair = excluded.repair, ours = excluded.ours,
    theirs = excluded.theirs,
    state = CASE
        WHEN d.state IN ('GONE', 'REPAIRED') THEN 'OPEN'
        WHEN (d.ours, d.theirs, d.repair) IS DISTINCT FROM (excluded.ours, excluded.theirs, excluded.repair) THEN 'OPEN'
        ELSE d.state END
WHERE d.state <> 'CONFIRMED' AND (d.state <> 'REPAIRED' OR d.repaired_at < $4);

-- name: forget_differences
-- What was not found again among what a slice has judged is gone.
UPDATE reconciliation_differences
SET state = 'GONE'
WHERE processor = $1 AND at >= $2 AND at < $3 AND kind = ANY($4::text[]) AND state NOT IN ('GONE', 'CONFIRMED')
  AND difference_id <> ALL($5::text[]) AND deposit_id <> ALL($6::text[])
  AND (state <> 'REPAIRED' OR repaired_at < $7);

-- name: list_differences
-- Differences before a key, newest first, of one processor, class and state or of any.
SELECT d.difference_id, d.run_id, d.processor, d.kind, d.repair, d.deposit_id, d.operation_id, d.reference, d.currency,
       d.ours, d.theirs, d.at, d.state, d.first_seen_at, d.last_seen_at, d.confirmed_by, d.approved_by, d.reason, d.outcome,
       d.attempt
FROM reconciliation_differences d
WHERE ($1 = '' OR d.processor = $1) AND ($2 = '' OR d.kind = $2) AND ($3 = '' OR d.state = $3)
  AND ($4::timestamptz IS NULL OR (d.first_seen_at, d.difference_id) < ($4, $5))
ORDER BY d.first_seen_at DESC, d.difference_id DESC LIMIT $6;

-- name: lock_difference
-- One difference, locked.
SELECT d.difference_id, d.run_id, d.processor, d.kind, d.repair, d.deposit_id, d.operation_id, d.reference, d.currency,
       d.ours, d.theirs, d.at, d.state, d.first_seen_at, d.last_seen_at, d.confirmed_by, d.approved_by, d.reason, d.outcome,
       d.attempt
FROM reconciliation_differences d WHERE d.difference_id = $1 FOR UPDATE;

-- name: decide_difference
-- What an operator has decided; a confirmed repair is due at once.
UPDATE reconciliation_differences
SET state = $2, confirmed_by = $3, approved_by = $4, reason = $5, outcome = $6, attempt = $7, lease_until = $8
WHERE difference_id = $1;

-- name: lease_repairs
-- Takes confirmed repairs that nobody carries out.
WITH due AS (
    SELECT difference_id FROM reconciliation_differences
    WHERE state = 'CONFIRMED' AND lease_until <= $1 ORDER BY lease_until LIMIT $3
)
UPDATE reconciliation_differences d SET lease_until = $2 FROM due
WHERE d.difference_id = due.difference_id AND d.state = 'CONFIRMED' AND d.lease_until <= $1
RETURNING d.difference_id, d.run_id, d.processor, d.kind, d.repair, d.deposit_id, d.operation_id, d.reference, d.currency,
          d.ours, d.theirs, d.at, d.state, d.first_seen_at, d.last_seen_at, d.confirmed_by, d.approved_by, d.reason,
          d.outcome, d.attempt;

-- name: end_repair
-- What became of a repair.
UPDATE reconciliation_differences
SET state = $3, outcome = $4, repair_ref = CASE WHEN $5 = '' THEN repair_ref ELSE $5 END,
    repaired_at = coalesce($6, repaired_at)
WHERE difference_id = $1 AND attempt = $2 AND state = 'CONFIRMED';

-- name: count_differences
-- Undecided differences by processor and class.
SELECT d.processor, d.kind, count(*) AS differences FROM reconciliation_differences d
WHERE d.state IN ('OPEN', 'AWAITING_SECOND', 'CONFIRMED') GROUP BY d.processor, d.kind;
