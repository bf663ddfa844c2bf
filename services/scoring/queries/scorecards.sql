-- name: lock_appointments
-- Scorecards are put into service one at a time.
SELECT pg_advisory_xact_lock($1);

-- name: read_appointments
-- The latest appointment of each role.
SELECT DISTINCT ON (a.role) a.appointment_id, a.role, a.model_version, a.reason, a.appointed_by, a.appointed_at
FROM appointments a ORDER BY a.role, a.number DESC, a.appointment_id DESC;

-- name: insert_appointment
-- A scorecard is put into service.
INSERT INTO appointments (appointment_id, role, model_version, reason, appointed_by, appointed_at, number)
SELECT $1, $2, $3, $4, $5, $6, coalesce(max(o.number), 0) + 1 FROM appointments o;

-- name: end_passes
-- Walks that a new appointment overtakes are over.
UPDATE recomputations SET finished_at = $3 WHERE (shadow = $1 OR model_version = $2) AND finished_at IS NULL;

-- name: insert_pass
-- A walk over everybody who has facts.
INSERT INTO recomputations (pass_id, model_version, shadow, total, started_at, lease_until)
SELECT $1, $2, $3, count(*), $4, $5 FROM scores WHERE facts_version > 0;

-- name: list_passes
-- Walks, the latest first.
SELECT pass_id, model_version, shadow, done, total, started_at, finished_at FROM recomputations
ORDER BY pass_id DESC LIMIT $1;

-- name: lease_pass
-- Takes the oldest walk that nobody is on, by the champion ($3) or by the challenger ($4).
UPDATE recomputations r SET lease_until = $2
WHERE r.lease_until <= $1 AND r.finished_at IS NULL
  AND r.pass_id = (SELECT min(o.pass_id) FROM recomputations o
                   WHERE o.finished_at IS NULL AND o.lease_until <= $1
                     AND o.model_version = CASE WHEN o.shadow THEN $4 ELSE $3 END)
RETURNING r.pass_id, r.model_version, r.shadow, r.done, r.total, r.started_at, r.finished_at, r.at_bucket, r.at_renter;

-- name: next_people
-- Of the $6 people who come next on a walk, the first $5 who are not scored by that version yet, and the last of all.
WITH ahead AS (
    SELECT s.bucket, s.renter_id,
           s.facts_version > 0 AND CASE WHEN $4 THEN s.shadow_version ELSE s.model_version END <> $3 AS waits
    FROM scores s WHERE (s.bucket, s.renter_id) > ($1::int, $2::text)
    ORDER BY s.bucket, s.renter_id LIMIT $6
)
(SELECT bucket, renter_id, waits FROM ahead WHERE waits ORDER BY bucket, renter_id LIMIT $5)
UNION ALL
(SELECT bucket, renter_id, false FROM ahead ORDER BY bucket DESC, renter_id DESC LIMIT 1);

-- name: lock_waiting
-- Locks people in sorted order who are still not scored by that version.
SELECT s.renter_id FROM scores s JOIN unnest($1::int[], $2::text[]) AS i (bucket, renter_id)
  ON s.bucket = i.bucket AND s.renter_id = i.renter_id
WHERE CASE WHEN $4 THEN s.shadow_version ELSE s.model_version END <> $3
ORDER BY s.bucket, s.renter_id FOR UPDATE OF s;

-- name: hold_pass
-- The walk is ours until the end of the transaction; no row when somebody else is on it, or it was overtaken.
SELECT pass_id FROM recomputations WHERE pass_id = $1 AND finished_at IS NULL AND lease_until = $2 FOR UPDATE;

-- name: advance_pass
-- The walk has come this far.
UPDATE recomputations SET at_bucket = $2, at_renter = $3, done = done + $4, lease_until = $5 WHERE pass_id = $1;

-- name: end_lap
-- Everybody was looked at. The walk is through when this lap has scored nobody; else it begins again, but not before
-- every process has heard of the appointment ($4).
UPDATE recomputations
SET at_bucket = -1, at_renter = '', lap_done = done, lease_until = greatest(started_at + $4::interval, $3),
    finished_at = CASE WHEN lap_done = done THEN $3 END
WHERE pass_id = $1 AND finished_at IS NULL AND lease_until = $2;

-- name: save_shadows
-- What the challenger says of people whose rows are locked.
UPDATE scores s SET shadow_score = i.score, shadow_version = $4
FROM unnest($1::int[], $2::text[], $3::int[]) AS i (bucket, renter_id, score)
WHERE s.bucket = i.bucket AND s.renter_id = i.renter_id;

-- name: add_comparisons
-- Counts decisions that both have made.
INSERT INTO shadow_comparisons AS c (challenge_id, champion, challenger, decisions)
SELECT $1, i.champion, i.challenger, i.decisions
FROM unnest($2::text[], $3::text[], $4::bigint[]) AS i (champion, challenger, decisions)
ON CONFLICT (challenge_id, champion, challenger) DO UPDATE SET decisions = c.decisions + excluded.decisions;

-- name: count_compared
-- On how many decisions a challenger was compared.
SELECT coalesce(sum(decisions), 0)::bigint FROM shadow_comparisons WHERE challenge_id = $1;

-- name: compare
-- The decisions of one challenge, by pair.
SELECT champion, challenger, decisions FROM shadow_comparisons
WHERE challenge_id = $1 ORDER BY champion, challenger;

-- name: shifts
-- How far the challenger's scores lie from the champion's, in cells of ten points; nobody looks at sealed facts.
SELECT (floor((s.shadow_score - s.score) / 10.0) * 10)::int AS from_points, count(*) AS people
FROM scores s
WHERE s.shadow_version = $1 AND s.model_version = $2 AND s.facts_open
  AND s.shadow_score IS NOT NULL AND s.score IS NOT NULL
GROUP BY 1 ORDER BY 1;
