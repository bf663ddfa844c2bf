-- name: insert_asks
-- What holders are asked, into the outbox; each event may be delivered from its own moment on.
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
SELECT $1, i.event_id, i.destination, $4, $2, $5, $6, $7, 0
FROM unnest($3::text[], $8::text[]) AS i (event_id, destination);

-- name: insert_export
-- A copy that is being collected; no row while another one is.
INSERT INTO exports (bucket, renter_id, export_id, state, asked_at) VALUES ($1, $2, $3, 'COLLECTING', $4)
ON CONFLICT (bucket, renter_id) WHERE state = 'COLLECTING' DO NOTHING
RETURNING export_id;

-- name: find_collecting
-- The copy that is being collected.
SELECT export_id FROM exports WHERE bucket = $1 AND renter_id = $2 AND state = 'COLLECTING';

-- name: read_export
-- One copy that has not expired.
SELECT export_id, renter_id, state, asked_at, ready_at, expires_at FROM exports
WHERE bucket = $1 AND renter_id = $2 AND export_id = $3 AND (expires_at IS NULL OR expires_at > $4);

-- name: lock_export
-- The copy that a part is for, if it is still being collected.
SELECT export_id FROM exports
WHERE bucket = $1 AND renter_id = $2 AND export_id = $3 AND state = 'COLLECTING' FOR UPDATE;

-- name: save_part
-- A part of a copy; one that came before is replaced.
INSERT INTO export_parts (bucket, renter_id, export_id, holder, number, is_last, sealed)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (bucket, renter_id, export_id, holder, number)
DO UPDATE SET is_last = excluded.is_last, sealed = excluded.sealed;

-- name: count_whole
-- How many holders' parts are all there.
SELECT count(*) FROM (
    SELECT holder FROM export_parts WHERE bucket = $1 AND renter_id = $2 AND export_id = $3
    GROUP BY holder HAVING count(*) = max(number) + 1 AND bool_or(is_last)
) AS whole;

-- name: finish_export
-- The copy is complete.
UPDATE exports SET state = 'READY', ready_at = $4, expires_at = $5
WHERE bucket = $1 AND renter_id = $2 AND export_id = $3;

-- name: read_parts
-- A copy's parts in order.
SELECT holder, number, sealed FROM export_parts
WHERE bucket = $1 AND renter_id = $2 AND export_id = $3 ORDER BY holder, number;

-- name: drop_expired
-- Copies whose week is over, with their parts.
DELETE FROM exports WHERE expires_at <= $1;

-- name: lock_erasure
-- The erasure that goes on for a person.
SELECT erasure_id, renter_id, state, asked_at, ask_again_at, steps, erased_at, receipt, asks FROM erasures
WHERE bucket = $1 AND renter_id = $2 AND state IN ('PREPARING', 'BLOCKED', 'ERASING') FOR UPDATE;

-- name: read_erasure
-- One erasure.
SELECT erasure_id, renter_id, state, asked_at, ask_again_at, steps, erased_at, receipt, asks FROM erasures
WHERE bucket = $1 AND erasure_id = $2;

-- name: save_erasure
-- An erasure, as it is now.
INSERT INTO erasures (bucket, renter_id, erasure_id, state, asked_at, ask_again_at, steps, erased_at, receipt, asks)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (bucket, renter_id, erasure_id)
DO UPDATE SET state = excluded.state, ask_again_at = excluded.ask_again_at, steps = excluded.steps,
              erased_at = excluded.erased_at, receipt = excluded.receipt, asks = excluded.asks;

-- name: find_blocked
-- People whose erasure is blocked and due to be asked again.
SELECT renter_id FROM erasures WHERE state = 'BLOCKED' AND ask_again_at <= $1 ORDER BY ask_again_at LIMIT $2;

-- name: begin_erasing
-- Stops a person: nothing new can be rented.
UPDATE renters SET erasing_at = $3 WHERE bucket = $1 AND renter_id = $2;

-- name: forget_renter
-- The key goes, and with it everything that it sealed; what is left is a pseudonym.
UPDATE renters
SET erased_at = $3, wrapped_key = '', sealed = '', state = 'REJECTED', verify_round = verify_round + 1, adult = true,
    document_verified_at = NULL, phone_verified_at = NULL, verified_until = NULL, face_checked_at = NULL
WHERE bucket = $1 AND renter_id = $2;

-- name: forget_document
-- The document can be registered again.
DELETE FROM documents WHERE document_index = $1;

-- name: forget_requests
-- What a registration is recognised by; its id stays taken.
UPDATE requests SET fingerprint = '' WHERE subject_id = $1;

-- name: privacy_export_account
-- The account.
SELECT renter_id, state, created_at, document_verified_at, phone_verified_at, verified_until, face_checked_at, frozen_at,
       merged_into, erasing_at
FROM renters WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_export_partner_links
-- Partners that may rent to the person.
SELECT partner_id, linked_at FROM partner_links WHERE bucket = $1 AND renter_id = $2 ORDER BY linked_at;

-- name: privacy_export_consents
-- Every agreement.
SELECT consent_id, partner_id, purpose, text_version, granted_at, withdrawn_at FROM consents
WHERE bucket = $1 AND renter_id = $2 ORDER BY consent_id;

-- name: privacy_export_accesses
-- Who saw the person's clear data.
SELECT access_id, actor, fields, reason, accessed_at FROM accesses
WHERE bucket = $1 AND renter_id = $2 ORDER BY access_id;

-- name: privacy_export_account_changes
-- What was done to the account, by whom and why.
SELECT kind, actor, reason, changed_at FROM account_changes
WHERE bucket = $1 AND renter_id = $2 ORDER BY change_id;

-- name: privacy_export_codes
-- One-time codes that were sent.
SELECT partner_id, sent_at, expires_at, used_at FROM codes WHERE bucket = $1 AND renter_id = $2 ORDER BY code_id;

-- name: privacy_export_sessions
-- Devices that were logged in.
SELECT session_id, partner_id, issued_at, expires_at, used_at, ended_at FROM refresh_tokens
WHERE bucket = $1 AND renter_id = $2 ORDER BY issued_at;

-- name: privacy_keep_account_changes
-- That something was done stays; the words go.
UPDATE account_changes SET reason = '' WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_partner_links
-- Partners that might rent to the person.
DELETE FROM partner_links WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_consents
-- Every agreement.
DELETE FROM consents WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_accesses
-- Who saw the person's clear data.
DELETE FROM accesses WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_codes
-- One-time codes.
DELETE FROM codes WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_sessions
-- Refresh tokens.
DELETE FROM refresh_tokens WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_exports
-- Copies, with their parts.
DELETE FROM exports WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_requests
-- What the person's own calls are recognised by.
DELETE FROM requests WHERE bucket = $1 AND caller = $2;
