-- name: insert_document
-- Takes a document for a renter; no row when somebody has it.
INSERT INTO documents (document_index, renter_id) VALUES ($1, $2)
ON CONFLICT (document_index) DO NOTHING
RETURNING renter_id;

-- name: insert_renter
-- A new person, sealed.
INSERT INTO renters (bucket, renter_id, state, adult, wrapped_key, sealed, key_version, created_at, verify_after)
VALUES ($1, $2, 'PENDING', $3, $4, $5, $6, $7, $8);

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
