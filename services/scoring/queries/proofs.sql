-- name: insert_proof
-- A proof was issued.
INSERT INTO proofs (bucket, proof_id, renter_id, above, wrapped_key, sealed, key_version, issued_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: read_proof
-- One proof of a person.
SELECT proof_id, renter_id, above, wrapped_key, sealed, key_version, issued_at, expires_at FROM proofs
WHERE bucket = $1 AND renter_id = $2 AND proof_id = $3;

-- name: list_proofs
-- A person's proofs before an id, newest first.
SELECT proof_id, renter_id, above, wrapped_key, sealed, key_version, issued_at, expires_at FROM proofs
WHERE bucket = $1 AND renter_id = $2 AND ($3 = '' OR proof_id < $3) ORDER BY proof_id DESC LIMIT $4;

-- name: save_proof_wrap
-- A proof's data key, wrapped again, where nothing else has changed it meanwhile.
UPDATE proofs SET wrapped_key = $4, key_version = $5 WHERE bucket = $1 AND proof_id = $2 AND wrapped_key = $3;
