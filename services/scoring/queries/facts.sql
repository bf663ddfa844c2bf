-- name: insert_facts
-- Appends revisions of facts; one that is known changes nothing. Gives those that were new.
INSERT INTO facts (bucket, fact_id, renter_id, kind, occurred_at, recorded_at, revision, state, subject, partner_id,
                   about, rental_seconds, earns, outside_score, source, settled_at, wished_expiry, expires_at,
                   wrapped_key, sealed, key_version, changed_by, change_reason)
SELECT i.bucket, i.fact_id, i.renter_id, i.kind, i.occurred_at, $2, i.revision, i.state, i.subject, i.partner_id,
       i.about, i.rental_seconds, i.earns, i.outside_score, coalesce(i.source, ''), i.settled_at, i.wished_expiry,
       i.expires_at, i.wrapped_key, i.sealed, i.key_version, i.changed_by, i.change_reason
FROM jsonb_to_recordset($1::jsonb) AS i (
    bucket int, fact_id text, renter_id text, kind text, occurred_at timestamptz, revision int, state text,
    subject text, partner_id text, about text, rental_seconds bigint, earns boolean, outside_score int, source text,
    settled_at timestamptz, wished_expiry timestamptz, expires_at timestamptz, wrapped_key bytea, sealed bytea,
    key_version int, changed_by text, change_reason text)
ON CONFLICT (bucket, renter_id, fact_id, revision) DO NOTHING
RETURNING renter_id, kind;

-- name: close_revision
-- The revision in force is so no more.
UPDATE facts SET superseded_at = $4
WHERE bucket = $1 AND renter_id = $2 AND fact_id = $3 AND superseded_at IS NULL;

-- name: find_facts
-- Facts as they were first told, by their ids, to tell a repetition from a reuse.
SELECT f.renter_id, f.fact_id, f.kind, f.occurred_at, f.subject, f.partner_id, f.rental_seconds, f.outside_score,
       f.source, f.settled_at, f.wished_expiry, f.wrapped_key, f.sealed, f.key_version
FROM facts f JOIN unnest($1::int[], $2::text[], $3::text[]) AS i (bucket, renter_id, fact_id)
  ON f.bucket = i.bucket AND f.renter_id = i.renter_id AND f.fact_id = i.fact_id
WHERE f.revision = 0;

-- name: observe_facts
-- Per person, kind and what it is about: the facts in force at a moment, as `Observed` has them, column for column.
SELECT f.renter_id, f.kind, f.about, count(*)::int AS facts,
       (count(DISTINCT (f.occurred_at AT TIME ZONE 'UTC')::date) FILTER (WHERE f.earns))::int AS days,
       min(f.occurred_at) AS first_at, max(f.occurred_at) AS last_at, count(f.settled_at)::int AS settled,
       min(f.expires_at) AS expires_at,
       (array_agg(f.outside_score ORDER BY f.occurred_at DESC, f.fact_id DESC)
        FILTER (WHERE f.outside_score IS NOT NULL))[1] AS outside_score
FROM facts f JOIN unnest($1::int[], $2::text[]) AS i (bucket, renter_id)
  ON f.bucket = i.bucket AND f.renter_id = i.renter_id
WHERE f.superseded_at IS NULL AND f.state = 'COUNTED' AND (f.expires_at IS NULL OR f.expires_at > $3)
GROUP BY f.renter_id, f.kind, f.about;

-- name: read_fact
-- The revision of one fact that is in force, with what the person says of it.
SELECT f.fact_id, f.renter_id, f.kind, f.occurred_at, f.recorded_at, f.revision, f.state, f.subject, f.partner_id,
       f.rental_seconds, f.outside_score, f.source, f.settled_at, f.wished_expiry, f.wrapped_key, f.sealed,
       f.key_version, f.changed_by, f.change_reason,
       s.wrapped_key AS statement_wrapped_key, s.sealed AS statement_sealed, s.key_version AS statement_key_version
FROM facts f
LEFT JOIN statements s ON s.bucket = f.bucket AND s.renter_id = f.renter_id AND s.fact_id = f.fact_id
WHERE f.bucket = $1 AND f.renter_id = $2 AND f.fact_id = $3 AND f.superseded_at IS NULL;

-- name: first_recorded
-- When a fact was first told.
SELECT recorded_at FROM facts WHERE bucket = $1 AND renter_id = $2 AND fact_id = $3 AND revision = 0;

-- name: list_facts
-- A person's facts in force that happened before a moment (and fact_id), newest first.
SELECT f.fact_id, f.renter_id, f.kind, f.occurred_at, f.recorded_at, f.revision, f.state, f.subject, f.partner_id,
       f.rental_seconds, f.outside_score, f.source, f.settled_at, f.wished_expiry, f.wrapped_key, f.sealed,
       f.key_version, f.changed_by, f.change_reason,
       s.wrapped_key AS statement_wrapped_key, s.sealed AS statement_sealed, s.key_version AS statement_key_version
FROM facts f
LEFT JOIN statements s ON s.bucket = f.bucket AND s.renter_id = f.renter_id AND s.fact_id = f.fact_id
WHERE f.bucket = $1 AND f.renter_id = $2 AND f.superseded_at IS NULL
  AND (f.occurred_at, f.fact_id) < ($3::timestamptz, $4::text)
ORDER BY f.occurred_at DESC, f.fact_id DESC LIMIT $5;

-- name: save_statement
-- What the person says of a fact.
INSERT INTO statements (bucket, renter_id, fact_id, wrapped_key, sealed, key_version, set_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (bucket, renter_id, fact_id) DO UPDATE
SET wrapped_key = excluded.wrapped_key, sealed = excluded.sealed, key_version = excluded.key_version,
    set_at = excluded.set_at;

-- name: delete_statement
-- The person takes their words back.
DELETE FROM statements WHERE bucket = $1 AND renter_id = $2 AND fact_id = $3;
