-- name: find_old_wraps
-- What is sealed under a data key that an older key-encryption key wrapped than the active one.
(SELECT 'facts' AS place, bucket, renter_id, fact_id AS id, revision, wrapped_key, sealed, key_version
 FROM facts WHERE key_version < $1 LIMIT $2)
UNION ALL
(SELECT 'statements', bucket, renter_id, fact_id, 0, wrapped_key, sealed, key_version
 FROM statements WHERE key_version < $1 LIMIT $2)
UNION ALL
(SELECT 'disputes', bucket, renter_id, dispute_id, 0, wrapped_key, sealed, key_version
 FROM disputes WHERE key_version < $1 LIMIT $2)
UNION ALL
(SELECT 'proofs', bucket, renter_id, proof_id, 0, wrapped_key, sealed, key_version
 FROM proofs WHERE key_version < $1 LIMIT $2)
UNION ALL
(SELECT 'bureau_links', bucket, link_id, link_id, 0, wrapped_key, sealed, key_version
 FROM bureau_links WHERE key_version < $1 LIMIT $2);

-- name: save_fact_wrap
-- A case number's data key, wrapped again, where nothing else has changed it meanwhile.
UPDATE facts SET wrapped_key = $6, key_version = $7
WHERE bucket = $1 AND renter_id = $2 AND fact_id = $3 AND revision = $4 AND wrapped_key = $5;

-- name: save_statement_wrap
-- The same of what a person says of a fact.
UPDATE statements SET wrapped_key = $5, key_version = $6
WHERE bucket = $1 AND renter_id = $2 AND fact_id = $3 AND wrapped_key = $4;

-- name: save_dispute_wrap
-- The same of a dispute.
UPDATE disputes SET wrapped_key = $4, key_version = $5 WHERE bucket = $1 AND dispute_id = $2 AND wrapped_key = $3;

-- name: save_link_wrap
-- The same of a bureau's handle, which is sealed under the id of its link.
UPDATE bureau_links SET wrapped_key = $4, key_version = $5 WHERE bucket = $1 AND link_id = $2 AND wrapped_key = $3;
