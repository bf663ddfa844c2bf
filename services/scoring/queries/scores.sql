-- name: read_standings
-- One row per asked person, in order; no row in `scores` gives nulls.
SELECT i.ordinal, s.facts_open, s.score, s.reason_codes, s.model_version
FROM unnest($1::int[], $2::text[]) WITH ORDINALITY AS i (bucket, renter_id, ordinal)
LEFT JOIN scores s ON s.bucket = i.bucket AND s.renter_id = i.renter_id
ORDER BY i.ordinal;

-- name: read_assessment
-- A person's stored assessment in full.
SELECT facts_open, assessment, computed_at FROM scores WHERE bucket = $1 AND renter_id = $2;

-- name: list_history
-- A person's scores from fewer facts than a number (0 for all), newest first.
SELECT score, computed_at, facts, model_version FROM score_history
WHERE bucket = $1 AND renter_id = $2 AND ($3 = 0 OR facts < $3)
ORDER BY facts DESC, model_version DESC LIMIT $4;

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

-- name: insert_facts
-- Appends facts; one that is known by its id changes nothing. Gives those that were new.
INSERT INTO facts (bucket, fact_id, renter_id, kind, occurred_at, recorded_at)
SELECT i.bucket, i.fact_id, i.renter_id, i.kind, i.occurred_at, $6
FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
  AS i (bucket, fact_id, renter_id, kind, occurred_at)
ON CONFLICT (bucket, renter_id, fact_id) DO NOTHING
RETURNING renter_id, fact_id;

-- name: find_facts
-- The recorded content of facts by their ids, to tell a repetition from a reuse.
SELECT f.renter_id, f.fact_id, f.kind, f.occurred_at
FROM facts f JOIN unnest($1::int[], $2::text[], $3::text[]) AS i (bucket, renter_id, fact_id)
  ON f.bucket = i.bucket AND f.renter_id = i.renter_id AND f.fact_id = i.fact_id;

-- name: summarise_facts
-- Per person and kind: how many facts, and between which moments.
SELECT f.renter_id, f.kind, count(*)::int AS count, min(f.occurred_at) AS first_at, max(f.occurred_at) AS last_at
FROM facts f JOIN unnest($1::int[], $2::text[]) AS i (bucket, renter_id)
  ON f.bucket = i.bucket AND f.renter_id = i.renter_id
GROUP BY f.renter_id, f.kind;

-- name: save_consents
-- Opens or seals the facts of people whose rows are locked.
UPDATE scores s SET facts_open = i.facts_open, consent_changed_at = i.changed_at
FROM unnest($1::int[], $2::text[], $3::bool[], $4::timestamptz[]) AS i (bucket, renter_id, facts_open, changed_at)
WHERE s.bucket = i.bucket AND s.renter_id = i.renter_id;

-- name: save_scores
-- Writes each person's new assessment and appends it to the history.
WITH i AS (
    SELECT a.bucket, a.renter_id, a.score, a.assessment, a.facts
    FROM unnest($1::int[], $2::text[], $3::int[], $4::jsonb[], $5::int[])
      AS a (bucket, renter_id, score, assessment, facts)
), saved AS (
    UPDATE scores s
    SET score = i.score, model_version = $6, assessment = i.assessment, facts = i.facts, computed_at = $7,
        reason_codes = ARRAY(SELECT r.reason ->> 'code'
                             FROM jsonb_array_elements(i.assessment -> 'reasons') WITH ORDINALITY AS r (reason, ordinal)
                             ORDER BY r.ordinal)
    FROM i WHERE s.bucket = i.bucket AND s.renter_id = i.renter_id
)
INSERT INTO score_history (bucket, renter_id, computed_at, facts, score, model_version)
SELECT i.bucket, i.renter_id, $7, i.facts, i.score, $6 FROM i
ON CONFLICT (bucket, renter_id, facts, model_version) DO NOTHING;
