-- name: insert_uses
-- Appends uses of scores; a known one changes nothing, and people who are not (or no more) known here get none.
INSERT INTO score_uses (bucket, renter_id, use_id, partner_id, asset_kind, kind, threshold, outcome, reason_codes,
                        model_version, facts_version, used_at)
SELECT i.bucket, i.renter_id, i.use_id, i.partner_id, i.asset_kind, i.kind, i.threshold, i.outcome, i.reason_codes,
       i.model_version, i.facts_version, i.used_at
FROM jsonb_to_recordset($1::jsonb) AS i (
    bucket int, renter_id text, use_id text, partner_id text, asset_kind text, kind text, threshold int, outcome text,
    reason_codes text[], model_version text, facts_version bigint, used_at timestamptz)
JOIN scores s ON s.bucket = i.bucket AND s.renter_id = i.renter_id
ON CONFLICT (bucket, renter_id, use_id) DO NOTHING;

-- name: list_uses
-- Uses of a person's score before a moment (and use_id), newest first, with the negative records that counted then.
SELECT u.use_id, u.renter_id, u.partner_id, u.asset_kind, u.kind, u.threshold, u.outcome, u.reason_codes,
       u.model_version, u.facts_version, u.used_at,
       ARRAY(SELECT f.fact_id FROM facts f
             WHERE f.bucket = u.bucket AND f.renter_id = u.renter_id AND f.kind = 'NEGATIVE_RECORD'
               AND f.state = 'COUNTED' AND f.recorded_at <= u.used_at AND f.expires_at > u.used_at
               AND (f.superseded_at IS NULL OR f.superseded_at > u.used_at)
             ORDER BY f.fact_id) AS negative_record_ids
FROM score_uses u
WHERE u.bucket = $1 AND u.renter_id = $2 AND (u.used_at, u.use_id) < ($3::timestamptz, $4::text)
ORDER BY u.used_at DESC, u.use_id DESC LIMIT $5;

-- name: read_use
-- One use of a person's score.
SELECT u.use_id, u.renter_id, u.partner_id, u.asset_kind, u.kind, u.threshold, u.outcome, u.reason_codes,
       u.model_version, u.facts_version, u.used_at, '{}'::text[] AS negative_record_ids
FROM score_uses u WHERE u.bucket = $1 AND u.renter_id = $2 AND u.use_id = $3;

-- name: last_asked
-- The threshold that each partner last asked about, per kind of asset, among the latest 200 uses.
SELECT DISTINCT ON (u.partner_id, u.asset_kind) u.partner_id, u.asset_kind, u.threshold, u.used_at AS asked_at
FROM (SELECT l.partner_id, l.asset_kind, l.threshold, l.used_at, l.use_id FROM score_uses l
      WHERE l.bucket = $1 AND l.renter_id = $2 ORDER BY l.used_at DESC, l.use_id DESC LIMIT 200) u
ORDER BY u.partner_id, u.asset_kind, u.used_at DESC, u.use_id DESC;
