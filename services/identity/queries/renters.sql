-- name: insert_documents
-- Takes documents for renters, in sorted order; those that somebody has give no row.
INSERT INTO documents (document_index, renter_id)
SELECT i.document_index, i.renter_id FROM unnest($1::bytea[], $2::text[]) AS i (document_index, renter_id)
ORDER BY i.document_index
ON CONFLICT (document_index) DO NOTHING
RETURNING renter_id;

-- name: give_back_documents
-- Documents of renters that are not made after all.
DELETE FROM documents WHERE document_index = ANY($1::bytea[]);

-- name: claim_registrations
-- Takes request ids for renters, in sorted order; those that were used before give no row.
INSERT INTO requests (bucket, caller, method, request_id, fingerprint, subject_id, created_at)
SELECT 0, i.caller, 'RegisterRenter', i.request_id, i.fingerprint, i.renter_id, i.created_at
FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::timestamptz[])
  AS i (caller, request_id, fingerprint, renter_id, created_at)
ORDER BY i.caller, i.request_id
ON CONFLICT (bucket, caller, method, request_id) DO NOTHING
RETURNING subject_id;

-- name: find_registrations
-- What registrations made before, by their request ids, in order; none gives nulls.
SELECT r.fingerprint, r.subject_id
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS i (caller, request_id, ordinal)
LEFT JOIN requests r
  ON r.bucket = 0 AND r.caller = i.caller AND r.method = 'RegisterRenter' AND r.request_id = i.request_id
ORDER BY i.ordinal;

-- name: insert_renters
-- New people, sealed, each linked to the partner that brought them.
WITH i AS (
    SELECT n.bucket, n.renter_id, n.partner_id, n.adult, n.wrapped_key, n.sealed, n.key_version, n.verify_after,
           n.created_at
    FROM unnest($1::int[], $2::text[], $3::text[], $4::bool[], $5::bytea[], $6::bytea[], $7::int[], $8::timestamptz[],
                $9::timestamptz[])
      AS n (bucket, renter_id, partner_id, adult, wrapped_key, sealed, key_version, verify_after, created_at)
), linked AS (
    INSERT INTO partner_links (bucket, renter_id, partner_id, linked_at)
    SELECT i.bucket, i.renter_id, i.partner_id, i.created_at FROM i
)
INSERT INTO renters (bucket, renter_id, state, adult, wrapped_key, sealed, key_version, created_at, verify_after)
SELECT i.bucket, i.renter_id, 'PENDING', i.adult, i.wrapped_key, i.sealed, i.key_version, i.created_at, i.verify_after
FROM i;

-- name: lease_unverified
-- Takes people whose verification is due, one taker each; the pause doubles with each try, up to the longest.
UPDATE renters r
SET verify_after = $1::timestamptz + least($2::interval * (2 ^ least(r.verify_attempts, 16)), $3::interval),
    verify_attempts = r.verify_attempts + 1
FROM (SELECT bucket, renter_id FROM renters WHERE state = 'PENDING' AND verify_after <= $1
      ORDER BY verify_after LIMIT $4) AS due
WHERE r.bucket = due.bucket AND r.renter_id = due.renter_id AND r.state = 'PENDING' AND r.verify_after <= $1
RETURNING r.renter_id, r.wrapped_key, r.sealed, r.key_version, r.verify_round;

-- name: insert_link
-- Links a person to a partner; linking again changes nothing. No row when the partner is unknown.
INSERT INTO partner_links (bucket, renter_id, partner_id, linked_at)
SELECT $1, $2, p.partner_id, $4 FROM partners p WHERE p.partner_id = $3
ON CONFLICT (bucket, renter_id, partner_id) DO UPDATE SET linked_at = partner_links.linked_at
RETURNING linked_at;

-- name: read_link
-- When a person was linked to a partner.
SELECT linked_at FROM partner_links WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3;

-- name: check_renters
-- Standing, link and consent of n people in one read. A person without a row, or erased, gives nulls.
SELECT i.ordinal, r.adult,
       r.state = 'VERIFIED' AND r.frozen_at IS NULL AND r.merged_into = '' AND r.erasing_at IS NULL
       AND (r.verified_until IS NULL OR r.verified_until > $5) AS verified,
       r.state = 'VERIFIED' AS document_checked, r.face_checked_at IS NOT NULL AS face_checked,
       CASE WHEN r.adult THEN NULL ELSE r.wrapped_key END AS wrapped_key,
       CASE WHEN r.adult THEN NULL ELSE r.sealed END AS sealed,
       r.key_version,
       EXISTS (SELECT 1 FROM partner_links l
               WHERE l.bucket = i.bucket AND l.renter_id = i.renter_id AND l.partner_id = i.partner_id) AS linked,
       EXISTS (SELECT 1 FROM consents c
               WHERE c.bucket = i.bucket AND c.renter_id = i.renter_id AND c.purpose = $4 AND c.withdrawn_at IS NULL
                 AND (i.partner_id = '' OR c.partner_id = i.partner_id)) AS consenting
FROM unnest($1::int[], $2::text[], $3::text[]) WITH ORDINALITY AS i (bucket, renter_id, partner_id, ordinal)
LEFT JOIN renters r ON r.bucket = i.bucket AND r.renter_id = i.renter_id AND r.erased_at IS NULL
ORDER BY i.ordinal;
