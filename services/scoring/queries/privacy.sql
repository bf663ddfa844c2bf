-- name: privacy_obstacles
-- Nothing here stands against erasing a person.
SELECT 'NONE' AS reason WHERE $1::int < 0 AND $2::text = '';

-- name: privacy_export_facts
-- What is known to have happened, in every revision.
SELECT fact_id, revision, kind, state, occurred_at, recorded_at, superseded_at, expires_at, subject, partner_id,
       rental_seconds, outside_score, source, settled_at, wrapped_key, sealed, key_version, change_reason
FROM facts WHERE bucket = $1 AND renter_id = $2 ORDER BY occurred_at, fact_id, revision;

-- name: privacy_export_statements
-- What the person says of their records.
SELECT fact_id, set_at, wrapped_key, sealed, key_version FROM statements
WHERE bucket = $1 AND renter_id = $2 ORDER BY fact_id;

-- name: privacy_export_score
-- The score in force, with the points that add up to it, and what a scorecard says that is tried out beside it.
SELECT facts_open, consent_changed_at, score, model_version, assessment, facts, facts_version, computed_at,
       shadow_score, shadow_version
FROM scores WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_export_score_history
-- Every score there was.
SELECT computed_at, facts, facts_version, score, model_version FROM score_history
WHERE bucket = $1 AND renter_id = $2 ORDER BY facts_version, computed_at, model_version;

-- name: privacy_export_score_uses
-- Every use that was made of the score.
SELECT use_id, partner_id, asset_kind, kind, threshold, outcome, reason_codes, model_version, facts_version, used_at
FROM score_uses WHERE bucket = $1 AND renter_id = $2 ORDER BY used_at, use_id;

-- name: privacy_export_disputes
-- What the person disputed, and how it ended.
SELECT dispute_id, fact_id, use_id, state, opened_at, due_at, decided_at, score_before, score_after, wrapped_key,
       sealed, key_version
FROM disputes WHERE bucket = $1 AND renter_id = $2 ORDER BY dispute_id;

-- name: privacy_export_proofs
-- What the person showed to whom.
SELECT proof_id, above, issued_at, expires_at, wrapped_key, sealed, key_version FROM proofs
WHERE bucket = $1 AND renter_id = $2 ORDER BY proof_id;

-- name: privacy_export_endorsements
-- Words that the person gave or received; who is at the other end is theirs.
SELECT endorsement_id, endorser_id = $2 AS given, given_at, ended_at, end_reason FROM endorsements
WHERE (bucket = $1 AND renter_id = $2) OR endorser_id = $2 ORDER BY endorsement_id;

-- name: privacy_export_bureau_links
-- Bureaus that the person linked; what they said stands among the facts.
SELECT bureau, linked_at, unlinked_at, reported_at, answered FROM bureau_links
WHERE bucket = $1 AND renter_id = $2 ORDER BY linked_at, bureau;

-- name: privacy_keep_bureau_links
-- A link ends and is nobody's; it stays until its bureau was told to forget the handle.
UPDATE bureau_links SET renter_id = '', unlinked_at = coalesce(unlinked_at, linked_at), ask_at = linked_at, failures = 0
WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_keep_endorsements_given
-- The person's word for others loses its giver, and ends by that.
UPDATE endorsements SET endorser_id = '' WHERE endorser_id = $2 AND $1::int >= 0;

-- name: privacy_delete_facts
-- All facts.
DELETE FROM facts WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_statements
-- All that the person said.
DELETE FROM statements WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_score
-- The score in force.
DELETE FROM scores WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_score_history
-- Every score there was.
DELETE FROM score_history WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_score_uses
-- Every use of it.
DELETE FROM score_uses WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_disputes
-- Every dispute.
DELETE FROM disputes WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_endorsements
-- Every word that was received.
DELETE FROM endorsements WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_endorsement_codes
-- Codes that nobody redeemed.
DELETE FROM endorsement_codes WHERE renter_id = $2 AND $1::int >= 0;

-- name: privacy_delete_proofs
-- Every proof; those that are good stay good until they run out, as they name nobody.
DELETE FROM proofs WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_requests
-- Which commands the person gave.
DELETE FROM requests WHERE bucket = $1 AND caller = $2;

-- name: privacy_delete_events
-- What deposits and the person were still to hear.
DELETE FROM outbox WHERE bucket = $1 AND renter_id = $2 AND destination IN ('deposits', 'people');
