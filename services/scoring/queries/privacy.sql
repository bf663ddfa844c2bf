-- name: privacy_obstacles
-- Nothing here stands against erasing a person.
SELECT 'NONE' AS reason WHERE $1::int < 0 AND $2::text = '';

-- name: privacy_export_facts
-- What is known to have happened.
SELECT fact_id, kind, occurred_at, recorded_at FROM facts
WHERE bucket = $1 AND renter_id = $2 ORDER BY occurred_at, fact_id;

-- name: privacy_export_score
-- The score in force, with the points that add up to it.
SELECT facts_open, consent_changed_at, score, model_version, assessment, facts, computed_at FROM scores
WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_export_score_history
-- Every score there was.
SELECT computed_at, facts, score, model_version FROM score_history
WHERE bucket = $1 AND renter_id = $2 ORDER BY computed_at, facts;

-- name: privacy_delete_facts
-- All facts.
DELETE FROM facts WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_score
-- The score in force.
DELETE FROM scores WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_score_history
-- Every score there was.
DELETE FROM score_history WHERE bucket = $1 AND renter_id = $2;
