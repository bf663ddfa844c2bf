-- name: read_circumstances
-- What a decision took into account besides the score.
SELECT city, asset_class, monthly_rent_minor, assurance_level FROM deposits WHERE bucket = $1 AND deposit_id = $2;

-- name: list_redecisions
-- What a decision was before it was made again, oldest first.
SELECT remade_at, outcome, reason_codes, model_version, facts_version FROM redecisions
WHERE bucket = $1 AND deposit_id = $2 ORDER BY remade_at, event_id;
