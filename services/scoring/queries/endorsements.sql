-- name: insert_code
-- A code, by its hash.
INSERT INTO endorsement_codes (bucket, code_hash, renter_id, expires_at) VALUES ($1, $2, $3, $4);

-- name: take_code
-- Whose code it is, once; nobody's when it has expired.
DELETE FROM endorsement_codes WHERE bucket = $1 AND code_hash = $2 AND expires_at > $3 RETURNING renter_id;

-- name: lock_circles
-- Words are given one at a time.
SELECT pg_advisory_xact_lock($1);

-- name: closes_circle
-- Whether the person ($1) vouches for the endorser ($2) already, directly or along a chain of at most $3.
WITH RECURSIVE chain (renter_id, length) AS (
    SELECT e.renter_id, 1 FROM endorsements e WHERE e.endorser_id = $1 AND e.ended_at IS NULL
    UNION
    SELECT e.renter_id, c.length + 1 FROM endorsements e JOIN chain c ON e.endorser_id = c.renter_id
    WHERE e.ended_at IS NULL AND c.length < $3
)
SELECT EXISTS (SELECT 1 FROM chain WHERE renter_id = $2);

-- name: insert_endorsement
-- A word is given.
INSERT INTO endorsements (bucket, endorsement_id, renter_id, endorser_id, given_at) VALUES ($1, $2, $3, $4, $5);

-- name: end_endorsement
-- A word counts no more.
UPDATE endorsements SET ended_at = $3, end_reason = $4
WHERE bucket = $1 AND endorsement_id = $2 AND ended_at IS NULL;

-- name: read_endorsement
-- One endorsement.
SELECT endorsement_id, renter_id, endorser_id, given_at, ended_at, end_reason FROM endorsements
WHERE bucket = $1 AND endorsement_id = $2;

-- name: list_given
-- All that somebody gave.
SELECT endorsement_id, renter_id, endorser_id, given_at, ended_at, end_reason FROM endorsements
WHERE endorser_id = $1 ORDER BY endorsement_id DESC LIMIT 200;

-- name: list_endorsements
-- Those that a person gave or received, newest first.
SELECT endorsement_id, renter_id, endorser_id, given_at, ended_at, end_reason FROM endorsements
WHERE (bucket = $1 AND renter_id = $2) OR endorser_id = $2
ORDER BY endorsement_id DESC LIMIT 200;

-- name: find_fallen
-- Endorsements that count although who gave them has sealed their facts, is gone, or does not stand above $1 alone.
SELECT e.endorsement_id, e.renter_id, e.endorser_id, e.given_at, e.ended_at, e.end_reason
FROM endorsements e LEFT JOIN scores s ON s.renter_id = e.endorser_id AND s.facts_open AND s.alone_score > $1
WHERE e.ended_at IS NULL AND s.renter_id IS NULL
ORDER BY e.endorsement_id LIMIT $2;

-- name: read_alone_score
-- What somebody stands on themselves, NULL for nothing.
SELECT alone_score FROM scores WHERE bucket = $1 AND renter_id = $2 AND facts_open;
