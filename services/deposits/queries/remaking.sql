-- name: find_held
-- Deposits of a person that are held, or about to be, decided since then without a waiver; each with its policy.
SELECT d.deposit_id, d.rental_id, d.renter_id, d.state = 'PENDING' AS pending,
       p.partner_id, p.asset_kind, p.threshold, p.currency, p.deposit_minor, p.max_open_waived, p.reason, p.city,
       p.asset_class, p.rent_multiple_tenths, p.tiers, p.max_waived_minor, p.clean_record_years, p.required_assurance
FROM deposits d JOIN policies p ON p.partner_id = d.partner_id AND p.policy_id = d.policy_id
WHERE d.bucket = $1 AND d.renter_id = $2 AND d.decided_at >= $3 AND d.state IN ('PENDING', 'HELD')
  AND d.settled_at IS NULL AND d.outcome IN ('NOT_ADMITTED', 'CANNOT_ASSESS')
ORDER BY d.deposit_id;

-- name: take_exposure
-- One more open waiver, if there is room by number and by amount.
INSERT INTO exposures AS e (bucket, renter_id, open_count, waived_minor)
SELECT $1, $2, 1, jsonb_build_object($4::text, $5::bigint) WHERE $5 <= $6::bigint
ON CONFLICT (bucket, renter_id) DO UPDATE
SET open_count = e.open_count + 1,
    waived_minor = e.waived_minor
        || jsonb_build_object($4::text, coalesce((e.waived_minor ->> $4::text)::bigint, 0) + $5::bigint)
WHERE e.open_count < $3 AND coalesce((e.waived_minor ->> $4::text)::bigint, 0) <= $6::bigint - $5::bigint
RETURNING e.open_count;

-- name: insert_redecision
-- What a decision was, before it was made again.
INSERT INTO redecisions (bucket, deposit_id, event_id, renter_id, outcome, reason_codes, model_version, facts_version,
                         score, remade_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: save_redecision
-- What it is now.
UPDATE deposits
SET outcome = $3, reason_codes = '{}', score = $4, model_version = $5, facts_version = $6, version = version + 1
WHERE bucket = $1 AND deposit_id = $2;

-- name: tell_uses
-- Tells scoring of uses of its answers.
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
VALUES ($1, $2, 'scoring', 'SCORES_USED', '', $3, $4, $4, 0);
