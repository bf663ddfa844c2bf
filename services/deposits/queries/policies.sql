-- name: latest_policy_version
-- The number of the newest version; locks nothing (the primary key settles a race).
SELECT coalesce(max(version), 0) FROM policies WHERE partner_id = $1 AND asset_kind = $2;

-- name: count_policy_changes
-- How many versions were made since a moment.
SELECT count(*) FROM policies WHERE partner_id = $1 AND asset_kind = $2 AND effective_at > $3;

-- name: insert_policy
-- The next version.
INSERT INTO policies (partner_id, asset_kind, version, policy_id, threshold, currency, deposit_minor, max_open_waived,
                      reason, author, effective_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: read_policy
-- One version, or with 0 the newest.
SELECT partner_id, asset_kind, version, policy_id, threshold, currency, deposit_minor, max_open_waived, reason, author,
       effective_at
FROM policies WHERE partner_id = $1 AND asset_kind = $2 AND ($3 = 0 OR version = $3)
ORDER BY version DESC LIMIT 1;

-- name: read_preview
-- A preview that still stands.
SELECT outcome, waived, reason_codes, policy_id, currency, amount_minor, stands_until FROM previews
WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3 AND asset_kind = $4 AND stands_until > $5;

-- name: save_preview
-- Keeps a preview unless one still stands, and tells scoring of it; the one that stands is the answer.
WITH saved AS (
INSERT INTO previews AS p (bucket, renter_id, partner_id, asset_kind, outcome, waived, reason_codes, policy_id,
                           currency, amount_minor, stands_until)
VALUES ($1, $2, $3, $4, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (bucket, renter_id, partner_id, asset_kind) DO UPDATE
SET outcome = excluded.outcome, waived = excluded.waived, reason_codes = excluded.reason_codes,
    policy_id = excluded.policy_id, currency = excluded.currency, amount_minor = excluded.amount_minor,
    stands_until = excluded.stands_until
WHERE p.stands_until <= $5
RETURNING p.bucket
)
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
SELECT saved.bucket, $13, 'scoring', 'SCORES_USED', '', $14, $15, $15, 0 FROM saved WHERE $14::jsonb IS NOT NULL;

-- name: forget_previews
-- A person's previews: what they were answered on has changed.
DELETE FROM previews WHERE bucket = $1 AND renter_id = $2;
