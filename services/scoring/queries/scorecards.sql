-- name: read_appointments
-- The latest appointment of each role.
SELECT DISTINCT ON (a.role) a.appointment_id, a.role, a.model_version, a.reason, a.appointed_by, a.appointed_at
FROM appointments a ORDER BY a.role, a.appointment_id DESC;

-- name: insert_appointment
-- A scorecard is put into service.
INSERT INTO appointments (appointment_id, role, model_version, reason, appointed_by, appointed_at)
VALUES ($1, $2, $3, $4, $5, $6);

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
-- Who comes next on a walk and is not scored by that version yet.
SELECT bucket, renter_id FROM scores
WHERE (bucket, renter_id) > ($1::int, $2::text) AND facts_version > 0
  AND CASE WHEN $4 THEN shadow_version ELSE model_version END <> $3
ORDER BY bucket, renter_id LIMIT $5;

-- name: advance_pass
-- The walk has come this far; no row when somebody else is on it, or it was overtaken.
UPDATE recomputations SET at_bucket = $3, at_renter = $4, done = done + $5, lease_until = $6
WHERE pass_id = $1 AND finished_at IS NULL AND lease_until = $2
RETURNING pass_id;

-- name: finish_pass
-- Everybody is scored.
UPDATE recomputations SET finished_at = $2 WHERE pass_id = $1 AND finished_at IS NULL;

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
-- On how many decisions a version was compared when it was the challenger last.
SELECT coalesce(sum(c.decisions), 0)::bigint FROM shadow_comparisons c
WHERE c.challenge_id = (SELECT max(a.appointment_id) FROM appointments a
                        WHERE a.role = 'CHALLENGER' AND a.model_version = $1);

-- name: compare
-- The decisions of one challenge, by pair.
SELECT champion, challenger, decisions FROM shadow_comparisons
WHERE challenge_id = $1 ORDER BY champion, challenger;

-- name: shifts
-- How far the challenger's scores lie from those in force, in cells of ten points.
SELECT (floor((s.shadow_score - s.score) / 10.0) * 10)::int AS from_points, count(*) AS people
FROM scores s WHERE s.shadow_version = $1 AND s.shadow_score IS NOT NULL AND s.score IS NOT NULL
GROUP BY 1 ORDER BY 1;
