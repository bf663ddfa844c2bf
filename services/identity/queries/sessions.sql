-- name: count_codes
-- How many codes a partner had sent to a person since a moment.
SELECT count(*) FROM codes WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3 AND sent_at > $4;

-- name: insert_code
-- A new code; the partner's older ones for the person stop working.
WITH older AS (
    UPDATE codes SET expires_at = $6
    WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3 AND used_at IS NULL AND expires_at > $6
)
INSERT INTO codes (bucket, renter_id, partner_id, code_id, code_hash, sent_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: end_codes
-- Ends every code of a person that was not used.
UPDATE codes SET expires_at = sent_at WHERE bucket = $1 AND renter_id = $2 AND used_at IS NULL;

-- name: lock_code
-- The code that is in force, locked for a try.
SELECT code_id, code_hash, tries FROM codes
WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3 AND used_at IS NULL AND expires_at > $4
ORDER BY code_id DESC LIMIT 1 FOR UPDATE;

-- name: read_code
-- When a code ends.
SELECT expires_at FROM codes WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3 AND code_id = $4;

-- name: use_code
-- Uses a code up.
UPDATE codes SET used_at = $5 WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3 AND code_id = $4;

-- name: count_try
-- Counts a wrong try.
UPDATE codes SET tries = tries + 1 WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3 AND code_id = $4;

-- name: verify_phone
-- Records that the phone answered with a code.
UPDATE renters SET phone_verified_at = $3 WHERE bucket = $1 AND renter_id = $2 AND phone_verified_at IS NULL
RETURNING renter_id;

-- name: insert_refresh_token
-- A refresh token, by its keyed hash.
INSERT INTO refresh_tokens (bucket, renter_id, token_hash, session_id, partner_id, issued_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: lock_refresh_token
-- The refresh token that is shown, locked for its exchange.
SELECT session_id, expires_at, used_at, ended_at FROM refresh_tokens
WHERE bucket = $1 AND renter_id = $2 AND token_hash = $3 AND partner_id = $4
FOR UPDATE;

-- name: use_refresh_token
-- Marks it as exchanged.
UPDATE refresh_tokens SET used_at = $4 WHERE bucket = $1 AND renter_id = $2 AND token_hash = $3;

-- name: end_session
-- Ends every refresh token of a session.
UPDATE refresh_tokens SET ended_at = $4
WHERE bucket = $1 AND renter_id = $2 AND session_id = $3 AND ended_at IS NULL;

-- name: end_sessions
-- Ends every refresh token of a person; gives the sessions that were open.
WITH ended AS (
    UPDATE refresh_tokens SET ended_at = $3
    WHERE bucket = $1 AND renter_id = $2 AND ended_at IS NULL
    RETURNING session_id, used_at, expires_at
)
SELECT count(DISTINCT session_id)::int FROM ended WHERE used_at IS NULL AND expires_at > $3;
