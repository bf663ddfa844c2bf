-- name: insert_dispute
-- A new dispute.
INSERT INTO disputes (bucket, dispute_id, renter_id, fact_id, use_id, state, wrapped_key, sealed, key_version,
                      opened_at, due_at, score_before)
VALUES ($1, $2, $3, $4, $5, 'OPEN', $6, $7, $8, $9, $10, $11);

-- name: end_dispute
-- A dispute has ended.
UPDATE disputes SET state = $3, wrapped_key = $4, sealed = $5, key_version = $6, decided_at = $7, decided_by = $8,
                    score_after = $9
WHERE bucket = $1 AND dispute_id = $2 AND state = 'OPEN';

-- name: read_dispute
-- One dispute.
SELECT dispute_id, renter_id, fact_id, use_id, state, wrapped_key, sealed, key_version, opened_at, due_at, decided_at,
       decided_by, score_before, score_after
FROM disputes WHERE bucket = $1 AND dispute_id = $2;

-- name: list_disputes
-- A person's disputes before an id, newest first.
SELECT dispute_id, renter_id, fact_id, use_id, state, wrapped_key, sealed, key_version, opened_at, due_at, decided_at,
       decided_by, score_before, score_after
FROM disputes WHERE bucket = $1 AND renter_id = $2 AND ($3 = '' OR dispute_id < $3)
ORDER BY dispute_id DESC LIMIT $4;

-- name: list_open_disputes
-- Open disputes due after a moment (and id), the next due first.
SELECT dispute_id, renter_id, fact_id, use_id, state, wrapped_key, sealed, key_version, opened_at, due_at, decided_at,
       decided_by, score_before, score_after
FROM disputes WHERE state = 'OPEN' AND (due_at, dispute_id) > ($1::timestamptz, $2::text)
ORDER BY due_at, dispute_id LIMIT $3;

-- name: find_lapsed
-- Open disputes that should have been decided by now.
SELECT dispute_id, renter_id, fact_id, use_id, state, wrapped_key, sealed, key_version, opened_at, due_at, decided_at,
       decided_by, score_before, score_after
FROM disputes WHERE state = 'OPEN' AND due_at <= $1 ORDER BY due_at, dispute_id LIMIT $2;

-- name: read_score
-- The score in force, NULL for none.
SELECT score FROM scores WHERE bucket = $1 AND renter_id = $2 AND facts_open;
