-- name: read_account
-- A person's account; `linked` says whether the partner may see them.
SELECT r.renter_id, r.state, r.wrapped_key, r.sealed, r.key_version, r.created_at, r.verify_after, r.document_verified_at,
       r.phone_verified_at, r.verified_until, r.face_checked_at, r.frozen_at, r.merged_into, r.verify_round,
       r.erasing_at, r.erased_at,
       EXISTS (SELECT 1 FROM partner_links l
               WHERE l.bucket = r.bucket AND l.renter_id = r.renter_id AND l.partner_id = $3) AS linked
FROM renters r WHERE r.bucket = $1 AND r.renter_id = $2;

-- name: read_accounts
-- People's accounts in order; `linked` says whether the partner that was named with each may see them.
SELECT r.renter_id, r.state, r.wrapped_key, r.sealed, r.key_version, r.created_at, r.verify_after, r.document_verified_at,
       r.phone_verified_at, r.verified_until, r.face_checked_at, r.frozen_at, r.merged_into, r.verify_round,
       r.erasing_at, r.erased_at,
       EXISTS (SELECT 1 FROM partner_links l
               WHERE l.bucket = i.bucket AND l.renter_id = i.renter_id AND l.partner_id = i.partner_id) AS linked
FROM unnest($1::int[], $2::text[], $3::text[]) WITH ORDINALITY AS i (bucket, renter_id, partner_id, ordinal)
LEFT JOIN renters r ON r.bucket = i.bucket AND r.renter_id = i.renter_id
ORDER BY i.ordinal;

-- name: hold_renters
-- Locks people in their order. What is read by the next statement is no older than the lock; what the same statement
-- reads beside the locked rows would be as old as the wait.
SELECT r.renter_id FROM renters r JOIN unnest($1::int[], $2::text[]) AS i (bucket, renter_id)
  ON r.bucket = i.bucket AND r.renter_id = i.renter_id
ORDER BY r.bucket, r.renter_id FOR UPDATE OF r;

-- name: read_held_accounts
-- One or two accounts that are held, for a change.
SELECT r.renter_id, r.state, r.wrapped_key, r.sealed, r.key_version, r.created_at, r.verify_after, r.document_verified_at,
       r.phone_verified_at, r.verified_until, r.face_checked_at, r.frozen_at, r.merged_into, r.verify_round,
       r.erasing_at, r.erased_at,
       EXISTS (SELECT 1 FROM consents c
               WHERE c.bucket = r.bucket AND c.renter_id = r.renter_id AND c.purpose = $3
                 AND c.withdrawn_at IS NULL) AS consenting
FROM renters r JOIN unnest($1::int[], $2::text[]) AS i (bucket, renter_id)
  ON r.bucket = i.bucket AND r.renter_id = i.renter_id
ORDER BY r.bucket, r.renter_id;

-- name: save_account
-- Writes an account that is locked.
UPDATE renters
SET state = $3, wrapped_key = $4, sealed = $5, verify_after = $6, document_verified_at = $7, phone_verified_at = $8,
    verified_until = $9, face_checked_at = $10, frozen_at = $11, merged_into = $12, verify_round = $13,
    key_version = $14,
    verify_attempts = CASE WHEN verify_round = $13 THEN verify_attempts ELSE 0 END
WHERE bucket = $1 AND renter_id = $2;

-- name: read_held_renter
-- What is verified of a person who is held, and consented by them.
SELECT r.created_at, r.document_verified_at, r.phone_verified_at, r.erasing_at,
       EXISTS (SELECT 1 FROM consents c
               WHERE c.bucket = r.bucket AND c.renter_id = r.renter_id AND c.purpose = $3
                 AND c.withdrawn_at IS NULL) AS consenting,
       (SELECT max(greatest(c.granted_at, c.withdrawn_at)) FROM consents c
        WHERE c.bucket = r.bucket AND c.renter_id = r.renter_id AND c.purpose = $3) AS last_change
FROM renters r WHERE r.bucket = $1 AND r.renter_id = $2;

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

-- name: find_old_wraps
-- Renters and staff whose data key is wrapped by an older key.
SELECT r.renter_id AS owner_id, r.wrapped_key, r.sealed, r.key_version FROM renters r
WHERE r.key_version < $1 AND r.erased_at IS NULL
UNION ALL
SELECT s.staff_id, s.wrapped_key, s.sealed, s.key_version FROM staff s
WHERE s.key_version < $1 AND s.state <> 'REMOVED'
LIMIT $2;

-- name: save_wraps
-- Writes renters' data keys that were wrapped again, over those that they were made from.
UPDATE renters r SET wrapped_key = i.fresh, key_version = $5
FROM unnest($1::int[], $2::text[], $3::bytea[], $4::bytea[]) AS i (bucket, renter_id, old, fresh)
WHERE r.bucket = i.bucket AND r.renter_id = i.renter_id AND r.wrapped_key = i.old;

-- name: insert_news
-- Events for scoring, into the outbox.
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
SELECT $1, i.event_id, 'scoring', i.kind, $2, i.payload, $6, $6, 0
FROM unnest($3::text[], $4::text[], $5::jsonb[]) AS i (event_id, kind, payload);

-- name: save_staff_wraps
-- Writes staff's data keys that were wrapped again, over those that they were made from.
UPDATE staff s SET wrapped_key = i.fresh, key_version = $4
FROM unnest($1::text[], $2::bytea[], $3::bytea[]) AS i (staff_id, old, fresh)
WHERE s.staff_id = i.staff_id AND s.wrapped_key = i.old;
