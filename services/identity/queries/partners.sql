-- name: insert_partner
-- A new business.
INSERT INTO partners (partner_id, display_name, created_at) VALUES ($1, $2, $3);

-- name: read_partner
-- One business.
SELECT partner_id, display_name, created_at FROM partners WHERE partner_id = $1;

-- name: insert_api_key
-- A new key, by its keyed hash; no row when the partner is unknown.
INSERT INTO api_keys (api_key_id, partner_id, key_hash, display_name, created_at, scopes, expires_at)
SELECT $1, p.partner_id, $3, $4, $5, $6::text[], $7 FROM partners p WHERE p.partner_id = $2
RETURNING api_key_id;

-- name: read_api_key
-- One key's description.
SELECT api_key_id, partner_id, display_name, created_at, revoked_at, scopes, expires_at, last_used_at
FROM api_keys WHERE api_key_id = $1;

-- name: succeed_api_key
-- A successor with the same partner, name and scopes; no row when the key is unknown, revoked or of another partner.
INSERT INTO api_keys (api_key_id, partner_id, key_hash, display_name, created_at, scopes)
SELECT $2, k.partner_id, $3, k.display_name, $4, k.scopes
FROM api_keys k WHERE k.api_key_id = $1 AND k.revoked_at IS NULL AND ($5 = '' OR k.partner_id = $5)
RETURNING api_key_id;

-- name: end_api_key
-- Ends a key at a moment, unless it ends sooner.
UPDATE api_keys SET expires_at = least(expires_at, $2) WHERE api_key_id = $1;

-- name: list_api_keys
-- A partner's keys before a given one, newest first.
SELECT api_key_id, partner_id, display_name, created_at, revoked_at, scopes, expires_at, last_used_at
FROM api_keys WHERE partner_id = $1 AND ($2 = '' OR api_key_id < $2)
ORDER BY api_key_id DESC LIMIT $3;

-- name: revoke_api_key
-- Ends a key; ending it again changes nothing.
UPDATE api_keys SET revoked_at = coalesce(revoked_at, $2), revoked_real = coalesce(revoked_real, $3)
WHERE api_key_id = $1 AND ($4 = '' OR partner_id = $4)
RETURNING api_key_id;

-- name: resolve_api_keys
-- What each hash stands for, in order; revoked and expired keys stand for nothing.
SELECT i.ordinal, k.api_key_id, k.partner_id, k.display_name, k.created_at, k.revoked_at, k.scopes, k.expires_at,
       k.last_used_at
FROM unnest($1::bytea[]) WITH ORDINALITY AS i (key_hash, ordinal)
LEFT JOIN api_keys k ON k.key_hash = i.key_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)
ORDER BY i.ordinal;

-- name: note_api_keys
-- When keys were used last.
UPDATE api_keys SET last_used_at = $2 WHERE api_key_id = ANY($1::text[]);

-- name: revoked_since
-- Keys revoked since a real moment.
SELECT api_key_id FROM api_keys WHERE revoked_real > $1;
