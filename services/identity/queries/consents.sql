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

-- name: withdraw_all_consents
-- Ends every agreement of a person for a purpose.
UPDATE consents SET withdrawn_at = $4
WHERE bucket = $1 AND renter_id = $2 AND purpose = $3 AND withdrawn_at IS NULL
RETURNING consent_id;

-- name: list_consents
-- A person's agreements before a key, newest first.
SELECT consent_id, renter_id, partner_id, purpose, text_version, granted_at, withdrawn_at FROM consents
WHERE bucket = $1 AND renter_id = $2 AND ($3 = '' OR consent_id < $3)
ORDER BY consent_id DESC LIMIT $4;
