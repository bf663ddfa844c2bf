-- name: latest_policy_version
-- The number of the newest version; locks nothing (the primary key settles a race).
SELECT coalesce(max(version), 0) FROM policies WHERE partner_id = $1 AND asset_kind = $2;

-- name: count_policy_changes
-- How many versions of a kind were made since a moment, whatever their scopes and what became of them.
SELECT count(*) FROM policies WHERE partner_id = $1 AND asset_kind = $2 AND created_at > $3;

-- name: lines_in_use
-- The lines of a kind that are in force in other scopes, scheduled or proposed.
SELECT p.threshold, p.tiers FROM policies p
WHERE p.partner_id = $1 AND p.asset_kind = $2
  AND (p.state = 'PROPOSED' OR (p.state = 'ACCEPTED' AND p.effective_at > $5)
       OR (p.state = 'ACCEPTED' AND NOT (p.asset_class = $3 AND p.city = $4) AND NOT EXISTS (
           SELECT 1 FROM policies n
           WHERE n.partner_id = p.partner_id AND n.asset_kind = p.asset_kind AND n.asset_class = p.asset_class
             AND n.city = p.city AND n.state = 'ACCEPTED' AND n.effective_at <= $5
             AND (n.effective_at, n.version) > (p.effective_at, p.version))));

-- name: insert_policy
-- The next version.
INSERT INTO policies (partner_id, asset_kind, version, policy_id, threshold, currency, deposit_minor, max_open_waived,
                      reason, city, asset_class, rent_multiple_tenths, tiers, max_waived_minor, clean_record_years,
                      required_assurance, author, effective_at, state, approval_reasons, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21);

-- name: version_in_force
-- The version that decides at a moment for an asset of a class and city; by the rule of `known`.
SELECT q.version FROM policies q
WHERE q.partner_id = $1 AND q.asset_kind = $2 AND q.asset_class IN ('', $3) AND q.city IN ('', $4)
  AND q.state = 'ACCEPTED' AND q.effective_at <= $5
ORDER BY q.asset_class DESC, q.city DESC, q.effective_at DESC, q.version DESC LIMIT 1;

-- name: read_policies
-- A partner's versions before a key, newest first, as they stand at a moment: of one kind, of one number, of one id, in
-- one state, or any.
SELECT p.policy_id, p.version, p.partner_id, p.asset_kind, p.threshold, p.currency, p.deposit_minor, p.max_open_waived,
       p.reason, p.author, p.effective_at, p.city, p.asset_class, p.rent_multiple_tenths, p.tiers, p.max_waived_minor,
       p.clean_record_years, p.required_assurance, p.approval_reasons, p.ruled_by, p.ruling_reason, p.created_at, p.standing
FROM (SELECT q.policy_id, q.version, q.partner_id, q.asset_kind, q.threshold, q.currency, q.deposit_minor,
             q.max_open_waived, q.reason, q.author, q.effective_at, q.city, q.asset_class, q.rent_multiple_tenths,
             q.tiers, q.max_waived_minor, q.clean_record_years, q.required_assurance, q.approval_reasons, q.ruled_by,
             q.ruling_reason, q.created_at,
             CASE WHEN q.state <> 'ACCEPTED' THEN q.state WHEN q.effective_at > $2 THEN 'SCHEDULED'
                  WHEN EXISTS (
                      SELECT 1 FROM policies n
                      WHERE n.partner_id = q.partner_id AND n.asset_kind = q.asset_kind
                        AND n.asset_class = q.asset_class AND n.city = q.city AND n.state = 'ACCEPTED'
                        AND n.effective_at <= $2 AND (n.effective_at, n.version) > (q.effective_at, q.version))
                  THEN 'SUPERSEDED' ELSE 'IN_FORCE' END AS standing
      FROM policies q
      WHERE q.partner_id = $1 AND ($3 = '' OR q.asset_kind = $3) AND ($4 = 0 OR q.version = $4)
        AND ($5 = '' OR q.policy_id = $5) AND ($7 = '' OR q.policy_id < $7)) p
WHERE $6 = '' OR p.standing = $6
ORDER BY p.policy_id DESC LIMIT $8;

-- name: lock_policy
-- One version, while somebody rules on it.
SELECT policy_id FROM policies WHERE partner_id = $1 AND policy_id = $2 FOR UPDATE;

-- name: save_ruling
-- What somebody made of a version.
UPDATE policies SET state = $3, effective_at = $4, ruled_by = $5, ruling_reason = $6
WHERE partner_id = $1 AND policy_id = $2;

-- name: read_preview
-- A preview that still stands.
SELECT outcome, waived, reason_codes, policy_id, currency, amount_minor, stands_until FROM previews
WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3 AND asset_kind = $4 AND asset_class = $5 AND city = $6
  AND stands_until > $7;

-- name: lock_person
-- The person's row of exposures: their previews are counted and saved one at a time.
INSERT INTO exposures AS e (bucket, renter_id, open_count) VALUES ($1, $2, 0)
ON CONFLICT (bucket, renter_id) DO UPDATE SET open_count = e.open_count;

-- name: count_previews
-- In how many other scopes of the kind a preview about the person stands.
SELECT count(*) FROM previews
WHERE bucket = $1 AND renter_id = $2 AND partner_id = $3 AND asset_kind = $4 AND NOT (asset_class = $5 AND city = $6)
  AND stands_until > $7;

-- name: save_preview
-- Keeps a preview unless one still stands, and tells scoring of it; the one that stands is the answer.
WITH saved AS (
INSERT INTO previews AS p (bucket, renter_id, partner_id, asset_kind, asset_class, city, outcome, waived, reason_codes,
                           policy_id, currency, amount_minor, stands_until)
VALUES ($1, $2, $3, $4, $5, $6, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (bucket, renter_id, partner_id, asset_kind, asset_class, city) DO UPDATE
SET outcome = excluded.outcome, waived = excluded.waived, reason_codes = excluded.reason_codes,
    policy_id = excluded.policy_id, currency = excluded.currency, amount_minor = excluded.amount_minor,
    stands_until = excluded.stands_until
WHERE p.stands_until <= $7
RETURNING p.bucket
)
INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
SELECT saved.bucket, $15, 'scoring', 'SCORES_USED', '', $16, $17, $17, 0 FROM saved WHERE $16::jsonb IS NOT NULL;

-- name: forget_previews
-- A person's previews: what they were answered on has changed.
DELETE FROM previews WHERE bucket = $1 AND renter_id = $2;
