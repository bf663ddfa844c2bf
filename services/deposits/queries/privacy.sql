-- name: privacy_obstacles
-- Deposits that are not over, and what is owed or still being collected.
SELECT CASE WHEN d.state IN ('PENDING', 'WAIVED', 'HELD') THEN 'OPEN_DEPOSIT'
            WHEN d.payment_status IN ('DUE', 'FAILED') THEN 'UNSETTLED_DEBT'
            ELSE 'SETTLEMENT_IN_PROGRESS' END AS reason
FROM deposits d
WHERE d.bucket = $1 AND d.renter_id = $2
  AND (d.state IN ('PENDING', 'WAIVED', 'HELD') OR d.payment_status IN ('DUE', 'FAILED', 'IN_PROGRESS')
       OR EXISTS (SELECT 1 FROM processor_operations o
                  WHERE o.bucket = d.bucket AND o.deposit_id = d.deposit_id AND o.state = 'WANTED'));

-- name: privacy_export_payment_methods
-- Payment methods, as far as they are known here.
SELECT payment_method_id, brand, last4, is_default, created_at FROM payment_methods
WHERE bucket = $1 AND renter_id = $2 ORDER BY payment_method_id;

-- name: privacy_export_deposits
-- Every deposit with the decision behind it.
SELECT deposit_id, rental_id, partner_id, state, outcome, reason_codes, policy_id, model_version, facts_version, score, currency,
       amount_minor, decline_code, authorized_minor, captured_minor, released_minor, expired_minor, open_minor,
       charged_minor, paid_minor, payment_status, decided_at, settled_at, closed_at, city, asset_class,
       monthly_rent_minor, assurance_level
FROM deposits WHERE bucket = $1 AND renter_id = $2 ORDER BY deposit_id;

-- name: privacy_export_redecisions
-- What decisions were before they were made again.
SELECT deposit_id, outcome, reason_codes, model_version, facts_version, score, remade_at FROM redecisions
WHERE bucket = $1 AND renter_id = $2 ORDER BY deposit_id, remade_at;

-- name: privacy_export_previews
-- Decisions that stand for a day.
SELECT partner_id, asset_kind, asset_class, city, outcome, waived, reason_codes, policy_id, currency, amount_minor,
       stands_until
FROM previews WHERE bucket = $1 AND renter_id = $2 ORDER BY partner_id, asset_kind, asset_class, city;

-- name: privacy_export_ledger
-- Every movement of money, with its place in the person's own chain of them.
SELECT t.transfer_id, t.deposit_id, t.partner_id, t.kind, t.occurred_at, t.booked_on, t.corrects, t.link,
       encode(t.link_hash, 'hex') AS link_hash, e.position, e.account, e.currency, e.amount_minor
FROM ledger_transfers t JOIN ledger_entries e ON e.bucket = t.bucket AND e.transfer_id = t.transfer_id
WHERE t.bucket = $1 AND t.renter_id = $2 ORDER BY t.transfer_id, e.position;

-- name: privacy_export_ledger_corrections
-- What was put right about them.
SELECT c.correction_id, c.transfer_id, c.deposit_id, c.partner_id, c.account, c.currency, c.amount_minor, c.reason, c.state,
       c.proposed_at, c.booked_at
FROM ledger_corrections c WHERE c.bucket = $1 AND c.renter_id = $2 ORDER BY c.correction_id;

-- name: privacy_export_holds
-- Every authorization at a processor.
SELECT h.hold_id, h.deposit_id, h.processor, h.authorized_minor, h.captured_minor, h.released_minor, h.expired_minor,
       h.open_minor, h.credit_minor, h.expires_at
FROM holds h WHERE h.bucket = $1 AND h.renter_id = $2 ORDER BY h.hold_id;

-- name: privacy_export_bills
-- Every bill and how it was collected.
SELECT b.deposit_id, b.partner_id, b.state, b.opened_at, b.attempts, b.schedule, b.dispute_reason
FROM bills b WHERE b.bucket = $1 AND b.renter_id = $2 ORDER BY b.deposit_id;

-- name: privacy_keep_holds
-- The books stay; the processor's name for the authorization goes.
UPDATE holds SET reference = '' WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_keep_bills
-- The books stay; why it was disputed goes.
UPDATE bills SET dispute_reason = '' WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_keep_ledger_corrections
-- The books stay; why they were put right goes.
UPDATE ledger_corrections SET reason = '' WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_keep_deposits
-- The books stay; the score behind a decision, its reasons, where it was and the means of payment go.
UPDATE deposits SET score = NULL, reason_codes = '{}', payment_ref = '', city = '', assurance_level = 'UNSPECIFIED',
    version = version + 1
WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_keep_processor_operations
-- What was asked of the processor stays, without the means of payment.
UPDATE processor_operations o SET reference = ''
FROM deposits d
WHERE o.bucket = $1 AND d.bucket = $1 AND d.deposit_id = o.deposit_id AND d.renter_id = $2;

-- name: privacy_delete_payment_methods
-- The processor's tokens.
DELETE FROM payment_methods WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_keep_score_uses
-- What scoring was still to hear of this person among others.
UPDATE outbox o
SET payload = jsonb_build_object('uses', (
    SELECT coalesce(jsonb_agg(u.use), '[]'::jsonb) FROM jsonb_array_elements(o.payload -> 'uses') AS u (use)
    WHERE u.use ->> 'renter_id' <> $2))
WHERE o.kind = 'SCORES_USED' AND $1::int >= 0
  AND o.payload @> jsonb_build_object('uses', jsonb_build_array(jsonb_build_object('renter_id', $2::text)));

-- name: privacy_delete_redecisions
-- What decisions were before.
DELETE FROM redecisions WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_previews
-- Decisions that stood for a day.
DELETE FROM previews WHERE bucket = $1 AND renter_id = $2;

-- name: privacy_delete_requests
-- What the person's own calls are recognised by.
DELETE FROM requests WHERE bucket = $1 AND caller = $2;
