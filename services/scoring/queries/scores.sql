-- name: read_standings
-- One row per asked person, in order; no row in `scores` gives nulls.
SELECT i.ordinal, s.facts_open, s.score, s.reason_codes, s.model_version, s.facts_version, s.changes_at,
       s.shadow_score, s.shadow_version, s.bad_record_at
FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS i (bucket, renter_id, ordinal)
LEFT JOIN scores s ON s.bucket = i.bucket AND s.renter_id = i.renter_id
ORDER BY i.ordinal;

-- name: read_assessment
-- A person's stored assessment in full.
SELECT facts_open, assessment, computed_at, facts_version FROM scores WHERE bucket = $1 AND renter_id = $2;

-- name: list_history
-- A person's scores before a version of their facts, a moment and a version of the scorecard, newest first.
SELECT score, computed_at, facts, model_version, facts_version FROM score_history
WHERE bucket = $1 AND renter_id = $2
  AND (facts_version, computed_at, model_version) < ($3::bigint, $4::timestamptz, $5::text)
ORDER BY facts_version DESC, computed_at DESC, model_version DESC LIMIT $6;

-- name: ensure_scores
-- Makes sure that each person has a row to lock, in sorted order.
INSERT INTO scores (bucket, renter_id, facts_open, score, reason_codes, model_version, assessment, facts, computed_at)
SELECT i.bucket, i.renter_id, true, NULL, '{}', '', '{}', 0, $3
FROM unnest($1::int[], $2::text[]) AS i (bucket, renter_id)
ORDER BY i.bucket, i.renter_id
ON CONFLICT (bucket, renter_id) DO NOTHING;

-- name: lock_scores
-- Locks the persons' rows in sorted order, so that two batches never wait for each other in a circle.
SELECT s.renter_id, s.facts_open, s.consent_changed_at
FROM scores s JOIN unnest($1::int[], $2::text[]) AS i (bucket, renter_id)
  ON s.bucket = i.bucket AND s.renter_id = i.renter_id
ORDER BY s.bucket, s.renter_id FOR UPDATE OF s;

-- name: save_consents
-- Opens or seals the facts of people whose rows are locked.
UPDATE scores s SET facts_open = i.facts_open, consent_changed_at = i.changed_at
FROM unnest($1::int[], $2::text[], $3::bool[], $4::timestamptz[]) AS i (bucket, renter_id, facts_open, changed_at)
WHERE s.bucket = i.bucket AND s.renter_id = i.renter_id;

-- name: save_scores
-- Writes each person's new assessment and appends it to the history. New facts have a new version; $13 is 0 when they
-- are the same, and only the scorecard is another.
WITH saved AS (
    UPDATE scores s
    SET score = i.score, model_version = $11, assessment = i.assessment::jsonb, facts = i.facts, computed_at = $12,
        alone_score = i.alone_score, changes_at = i.changes_at, facts_version = s.facts_version + $13::int,
        reason_codes = string_to_array(i.reason_codes, ','), shadow_score = i.shadow_score, shadow_version = $10,
        bad_record_at = i.bad_record_at
    FROM unnest($1::int[], $2::text[], $3::int[], $4::text[], $5::int[], $6::int[], $7::timestamptz[], $8::text[],
                $9::int[], $14::timestamptz[])
      AS i (bucket, renter_id, score, assessment, facts, alone_score, changes_at, reason_codes, shadow_score,
            bad_record_at)
    WHERE s.bucket = i.bucket AND s.renter_id = i.renter_id
    RETURNING s.bucket, s.renter_id, s.facts_version, s.facts, s.score
)
INSERT INTO score_history (bucket, renter_id, computed_at, facts, score, model_version, facts_version)
SELECT saved.bucket, saved.renter_id, $12, saved.facts, saved.score, $11, saved.facts_version FROM saved
ON CONFLICT (bucket, renter_id, facts_version, computed_at, model_version) DO NOTHING;

-- name: find_changed
-- People of whom a record has run out by now.
SELECT renter_id FROM scores WHERE changes_at <= $1 ORDER BY changes_at LIMIT $2;

-- name: insert_event
-- An event, into the outbox.
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0);
