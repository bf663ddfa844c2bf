-- name: known
-- Per item, in order: its deposit if there is one, the payment method, and of the policies in force the most specific one
-- that fits: class and city > class > city > the kind alone ('' sorts before every name). Of one scope the latest decides.
SELECT i.ordinal, d.deposit_id AS known_deposit_id,
       p.policy_id, p.partner_id, p.asset_kind, p.threshold, p.currency, p.deposit_minor, p.max_open_waived, p.reason,
       p.city, p.asset_class, p.rent_multiple_tenths, p.tiers, p.max_waived_minor, p.clean_record_years,
       p.required_assurance, coalesce(m.processor_ref, '') AS payment_ref, coalesce(m.processor, 'sandbox') AS processor
FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $8::text[], $9::text[])
  WITH ORDINALITY
  AS i (bucket, rental_id, renter_id, partner_id, asset_kind, payment_method_id, asset_class, city, ordinal)
LEFT JOIN deposits d ON d.bucket = i.bucket AND d.rental_id = i.rental_id
LEFT JOIN LATERAL (
    SELECT q.policy_id, q.partner_id, q.asset_kind, q.threshold, q.currency, q.deposit_minor, q.max_open_waived,
           q.reason, q.city, q.asset_class, q.rent_multiple_tenths, q.tiers, q.max_waived_minor, q.clean_record_years,
           q.required_assurance
    FROM policies q
    WHERE q.partner_id = i.partner_id AND q.asset_kind = i.asset_kind AND q.asset_class IN ('', i.asset_class)
      AND q.city IN ('', i.city) AND q.state = 'ACCEPTED' AND q.effective_at <= $7
    ORDER BY q.asset_class DESC, q.city DESC, q.effective_at DESC, q.version DESC LIMIT 1
) p ON true
LEFT JOIN LATERAL (
    SELECT n.processor_ref, n.processor FROM payment_methods n
    WHERE n.bucket = i.bucket AND n.renter_id = i.renter_id
      AND ((i.payment_method_id = '' AND n.is_default) OR n.payment_method_id = i.payment_method_id)
) m ON true
ORDER BY i.ordinal;

-- name: secure
-- n decisions in one statement: the exposure first, in sorted order; a waiver where it had room by number and by amount,
-- else a hold where there is something to hold on, else no row. One event tells scoring of its answers that were used. A rental that is known already violates a unique constraint: look again.
WITH i AS (
    SELECT i.bucket, i.deposit_id, i.rental_id, i.renter_id, i.partner_id, i.outcome, i.reason_codes, i.policy_id,
           i.model_version, i.score, i.currency, i.amount_minor, i.payment_ref, i.wants_waiver, i.max_open_waived,
           i.operation_id, i.facts_version, i.processor, i.compensation_limit_minor, i.max_waived_minor, i.city,
           i.asset_class, i.monthly_rent_minor, i.assurance_level
    FROM unnest($1::decided_deposit[]) AS i
), exposed AS (
    INSERT INTO exposures AS e (bucket, renter_id, open_count, waived_minor)
    SELECT i.bucket, i.renter_id, 1, jsonb_build_object(i.currency, i.compensation_limit_minor)
    FROM i WHERE i.wants_waiver AND i.compensation_limit_minor <= i.max_waived_minor ORDER BY i.bucket, i.renter_id
    ON CONFLICT (bucket, renter_id) DO UPDATE
    SET open_count = e.open_count + 1,
        waived_minor = (SELECT e.waived_minor || jsonb_build_object(
                            n.key, coalesce((e.waived_minor ->> n.key)::bigint, 0) + n.value::bigint)
                        FROM jsonb_each_text(excluded.waived_minor) AS n (key, value))
    WHERE (SELECT e.open_count < i.max_open_waived AND coalesce((e.waived_minor ->> i.currency)::bigint, 0)
                  <= i.max_waived_minor - i.compensation_limit_minor
           FROM i WHERE i.bucket = e.bucket AND i.renter_id = e.renter_id)
    RETURNING e.bucket, e.renter_id
), secured AS (
    INSERT INTO deposits (bucket, deposit_id, rental_id, renter_id, partner_id, state, outcome, reason_codes, policy_id,
                          model_version, score, currency, amount_minor, payment_ref, decided_at, facts_version,
                          processor, compensation_limit_minor, city, asset_class, monthly_rent_minor, assurance_level)
    SELECT i.bucket, i.deposit_id, i.rental_id, i.renter_id, i.partner_id,
           CASE WHEN x.renter_id IS NOT NULL THEN 'WAIVED' ELSE 'PENDING' END, i.outcome,
           CASE WHEN i.wants_waiver AND x.renter_id IS NULL THEN ARRAY['EXPOSURE_CAP_REACHED'] ELSE i.reason_codes END,
           i.policy_id, i.model_version, i.score, i.currency, i.amount_minor, i.payment_ref, $2,
           i.facts_version, i.processor, i.compensation_limit_minor, i.city, i.asset_class, i.monthly_rent_minor,
           i.assurance_level
    FROM i LEFT JOIN exposed x ON x.bucket = i.bucket AND x.renter_id = i.renter_id
    WHERE x.renter_id IS NOT NULL OR i.payment_ref <> ''
    RETURNING bucket, deposit_id, state, reason_codes
), intents AS (
    INSERT INTO processor_operations (bucket, operation_id, deposit_id, kind, amount_minor, currency, reference, state,
                                      created_at, lease_until, processor, hold_id)
    SELECT i.bucket, i.operation_id, i.deposit_id, 'AUTHORIZE', i.amount_minor, i.currency, i.payment_ref, 'WANTED',
           $3, $4, i.processor, i.operation_id
    FROM i JOIN secured s ON s.bucket = i.bucket AND s.deposit_id = i.deposit_id WHERE s.state = 'PENDING'
), told AS (
    INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
    SELECT $5, $6, 'scoring', 'SCORES_USED', '', $7, $3, $3, 0 WHERE $7::jsonb IS NOT NULL
)
SELECT deposit_id, state, reason_codes FROM secured;

-- name: bury
-- Remembers a rental that was cancelled before it was decided.
INSERT INTO deposits (bucket, deposit_id, rental_id, renter_id, partner_id, state, outcome, reason_codes, policy_id,
                      model_version, currency, amount_minor, payment_ref, decided_at, closed_at)
VALUES ($1, $2, $3, $4, $5, 'CANCELLED', 'NONE', '{}', '', '', $6, 0, '', $7, $7)
ON CONFLICT (bucket, rental_id) DO NOTHING;

-- name: find_by_rental
-- The deposits of rentals.
SELECT d.rental_id, d.deposit_id
FROM deposits d JOIN unnest($1::int[], $2::text[]) AS i (bucket, rental_id)
  ON d.bucket = i.bucket AND d.rental_id = i.rental_id
WHERE i.bucket BETWEEN 0 AND 1023;
