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
-- A successor with the same partner, name and scopes; no row when the key is unknown or revoked.
INSERT INTO api_keys (api_key_id, partner_id, key_hash, display_name, created_at, scopes)
SELECT $2, k.partner_id, $3, k.display_name, $4, k.scopes
FROM api_keys k WHERE k.api_key_id = $1 AND k.revoked_at IS NULL
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
WHERE api_key_id = $1
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

-- name: insert_document
-- Takes a document for a renter; no row when somebody has it.
INSERT INTO documents (document_index, renter_id) VALUES ($1, $2)
ON CONFLICT (document_index) DO NOTHING
RETURNING renter_id;

-- name: insert_renter
-- A new person, sealed.
INSERT INTO renters (bucket, renter_id, state, adult, wrapped_key, sealed, key_version, created_at, verify_after)
VALUES ($1, $2, 'PENDING', $3, $4, $5, $6, $7, $8);

-- name: read_account
-- A person's account; `linked` says whether the partner may see them.
SELECT r.renter_id, r.state, r.wrapped_key, r.sealed, r.key_version, r.created_at, r.verify_after, r.document_verified_at,
       r.phone_verified_at, r.verified_until, r.face_checked_at, r.frozen_at, r.merged_into, r.verify_round,
       EXISTS (SELECT 1 FROM partner_links l
               WHERE l.bucket = r.bucket AND l.renter_id = r.renter_id AND l.partner_id = $3) AS linked
FROM renters r WHERE r.bucket = $1 AND r.renter_id = $2;

-- name: lock_accounts
-- Locks one or two accounts in their order, for a change.
SELECT r.renter_id, r.state, r.wrapped_key, r.sealed, r.key_version, r.created_at, r.verify_after, r.document_verified_at,
       r.phone_verified_at, r.verified_until, r.face_checked_at, r.frozen_at, r.merged_into, r.verify_round,
       EXISTS (SELECT 1 FROM consents c
               WHERE c.bucket = r.bucket AND c.renter_id = r.renter_id AND c.purpose = $3
                 AND c.withdrawn_at IS NULL) AS consenting
FROM renters r JOIN unnest($1::int[], $2::text[]) AS i (bucket, renter_id)
  ON r.bucket = i.bucket AND r.renter_id = i.renter_id
ORDER BY r.bucket, r.renter_id FOR UPDATE OF r;

-- name: save_account
-- Writes an account that is locked.
UPDATE renters
SET state = $3, wrapped_key = $4, sealed = $5, verify_after = $6, document_verified_at = $7, phone_verified_at = $8,
    verified_until = $9, face_checked_at = $10, frozen_at = $11, merged_into = $12, verify_round = $13,
    key_version = $14,
    verify_attempts = CASE WHEN verify_round = $13 THEN verify_attempts ELSE 0 END
WHERE bucket = $1 AND renter_id = $2;

-- name: find_old_wraps
-- People whose data key is wrapped by an older key.
SELECT renter_id, wrapped_key, sealed, key_version FROM renters WHERE key_version < $1 ORDER BY key_version LIMIT $2;

-- name: save_wraps
-- Writes data keys that were wrapped again, over those that they were made from.
UPDATE renters r SET wrapped_key = i.fresh, key_version = $5
FROM unnest($1::int[], $2::text[], $3::bytea[], $4::bytea[]) AS i (bucket, renter_id, old, fresh)
WHERE r.bucket = i.bucket AND r.renter_id = i.renter_id AND r.wrapped_key = i.old;

-- name: insert_account_change
-- Why an account changed, append-only.
INSERT INTO account_changes (bucket, renter_id, change_id, kind, actor, reason, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: insert_accesses
-- Who saw what, append-only.
INSERT INTO accesses (bucket, renter_id, access_id, actor, fields, reason, accessed_at)
SELECT i.bucket, i.renter_id, i.access_id, i.actor, string_to_array(i.fields, ','), i.reason, i.accessed_at
FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
  AS i (bucket, renter_id, access_id, actor, fields, reason, accessed_at);

-- name: list_accesses
-- Who saw a person's data before a key, newest first.
SELECT access_id, renter_id, actor, fields, reason, accessed_at FROM accesses
WHERE bucket = $1 AND renter_id = $2 AND ($3 = '' OR access_id < $3)
ORDER BY access_id DESC LIMIT $4;

-- name: lock_renter
-- Locks a person for a change of what is verified of them or consented by them.
SELECT r.created_at, r.document_verified_at, r.phone_verified_at,
       EXISTS (SELECT 1 FROM consents c
               WHERE c.bucket = r.bucket AND c.renter_id = r.renter_id AND c.purpose = $3
                 AND c.withdrawn_at IS NULL) AS consenting,
       (SELECT max(greatest(c.granted_at, c.withdrawn_at)) FROM consents c
        WHERE c.bucket = r.bucket AND c.renter_id = r.renter_id AND c.purpose = $3) AS last_change
FROM renters r WHERE r.bucket = $1 AND r.renter_id = $2 FOR UPDATE OF r;

-- name: lease_unverified
-- Takes people whose verification is due, one taker each; the pause doubles with each try, up to the longest.
UPDATE renters r
SET verify_after = $1::timestamptz + least($2::interval * (2 ^ least(r.verify_attempts, 16)), $3::interval),
    verify_attempts = r.verify_attempts + 1
FROM (SELECT bucket, renter_id FROM renters WHERE state = 'PENDING' AND verify_after <= $1
      ORDER BY verify_after LIMIT $4) AS due
WHERE r.bucket = due.bucket AND r.renter_id = due.renter_id AND r.state = 'PENDING' AND r.verify_after <= $1
RETURNING r.renter_id, r.wrapped_key, r.sealed, r.key_version, r.verify_round;

-- name: verify_phone
-- Records that the phone answered with a code.
UPDATE renters SET phone_verified_at = $3 WHERE bucket = $1 AND renter_id = $2 AND phone_verified_at IS NULL
RETURNING renter_id;

-- name: insert_link
-- Links a person to a partner; linking again changes nothing. No row when the partner is unknown.
INSERT INTO partner_links (bucket, renter_id, partner_id, linked_at)
SELECT $1, $2, p.partner_id, $4 FROM partners p WHERE p.partner_id = $3
ON CONFLICT (bucket, renter_id, partner_id) DO UPDATE SET linked_at = partner_links.linked_at
RETURNING linked_at;

-- name: read_link
-- When a person was linked to a partner.
SELECT linked_at FROM partner_links WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3;

-- name: insert_consent
-- A new agreement.
INSERT INTO consents (bucket, consent_id, renter_id, partner_id, purpose, text_version, granted_at)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: consent_in_force
-- The agreement in force with a partner, if any.
SELECT consent_id, renter_id, partner_id, purpose, text_version, granted_at, withdrawn_at FROM consents
WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3 AND purpose = $4 AND withdrawn_at IS NULL;

-- name: read_consent
-- One agreement.
SELECT consent_id, renter_id, partner_id, purpose, text_version, granted_at, withdrawn_at FROM consents
WHERE bucket = $1 AND renter_id = $2 AND consent_id = $3;

-- name: withdraw_consent
-- Ends an agreement.
UPDATE consents SET withdrawn_at = $4 WHERE bucket = $1 AND renter_id = $2 AND consent_id = $3 AND withdrawn_at IS NULL;

-- name: list_consents
-- A person's agreements before a key, newest first.
SELECT consent_id, renter_id, partner_id, purpose, text_version, granted_at, withdrawn_at FROM consents
WHERE bucket = $1 AND renter_id = $2 AND ($3 = '' OR consent_id < $3)
ORDER BY consent_id DESC LIMIT $4;

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

-- name: withdraw_all_consents
-- Ends every agreement of a person for a purpose.
UPDATE consents SET withdrawn_at = $4
WHERE bucket = $1 AND renter_id = $2 AND purpose = $3 AND withdrawn_at IS NULL
RETURNING consent_id;

-- name: check_renters
-- Standing, link and consent of n people in one read. A person without a row gives nulls.
SELECT i.ordinal, r.adult,
       r.state = 'VERIFIED' AND r.frozen_at IS NULL AND r.merged_into = ''
       AND (r.verified_until IS NULL OR r.verified_until > $5) AS verified,
       CASE WHEN r.adult THEN NULL ELSE r.wrapped_key END AS wrapped_key,
       CASE WHEN r.adult THEN NULL ELSE r.sealed END AS sealed,
       r.key_version,
       EXISTS (SELECT 1 FROM partner_links l
               WHERE l.bucket = i.bucket AND l.renter_id = i.renter_id AND l.partner_id = i.partner_id) AS linked,
       EXISTS (SELECT 1 FROM consents c
               WHERE c.bucket = i.bucket AND c.renter_id = i.renter_id AND c.purpose = $4 AND c.withdrawn_at IS NULL
                 AND (i.partner_id = '' OR c.partner_id = i.partner_id)) AS consenting
FROM unnest($1::int[], $2::text[], $3::text[]) WITH ORDINALITY AS i (bucket, renter_id, partner_id, ordinal)
LEFT JOIN renters r ON r.bucket = i.bucket AND r.renter_id = i.renter_id
ORDER BY i.ordinal;

-- name: insert_news
-- Events for scoring, into the outbox.
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
SELECT $1, i.event_id, 'scoring', i.kind, $2, i.payload, $6, $6, 0
FROM unnest($3::text[], $4::text[], $5::jsonb[]) AS i (event_id, kind, payload);
