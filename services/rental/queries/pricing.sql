-- name: plan_of_asset
-- The plan that the asset with a code, fixed or public, costs by: its own, or the newest version of its name; and its kind.
SELECT p.partner_id, p.price_plan_id, p.name, p.version, p.currency, p.base_minor, p.segments, p.cap_per_day_minor,
       p.rules, p.created_at, a.asset_kind
FROM (SELECT q.partner_id, q.asset_kind, q.price_plan_id, q.price_plan_name FROM assets q
      WHERE q.partner_id = $1 AND q.code = $2
      UNION ALL
      SELECT q.partner_id, q.asset_kind, q.price_plan_id, q.price_plan_name FROM asset_codes c
      JOIN assets q ON q.partner_id = c.partner_id AND q.asset_id = c.asset_id AND q.uses = c.uses
      WHERE c.partner_id = $1 AND c.public_code = $2
      LIMIT 1) a
JOIN price_plans p ON p.partner_id = a.partner_id AND p.price_plan_id = COALESCE(a.price_plan_id, (
    SELECT n.price_plan_id FROM price_plans n
    WHERE n.partner_id = a.partner_id AND n.name = a.price_plan_name AND n.name <> ''
    ORDER BY n.version DESC
    LIMIT 1));

-- name: usable_passes
-- What the passes of a renter at a partner give a ride of a kind (NULL: of no kind in particular) that starts at $5:
-- the same that read_to_close reads.
SELECT s.pass_id, s.free_minutes, s.percent_off FROM passes s
WHERE s.bucket = $1 AND s.renter_id = $2 AND s.partner_id = $3 AND (s.asset_kind IS NULL OR s.asset_kind = $4)
  AND s.valid_from <= $5 AND s.valid_until > $5
ORDER BY s.valid_until, s.pass_id
LIMIT 16;

-- name: grant_pass
-- Keeps a pass; no row when this request granted one before.
INSERT INTO passes (bucket, pass_id, renter_id, partner_id, asset_kind, free_minutes, percent_off, valid_from, valid_until,
                    granted_at, granted_by, request_id, fingerprint)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (bucket, renter_id, granted_by, request_id) DO NOTHING
RETURNING pass_id;

-- name: find_granted
-- The pass that a request granted.
SELECT s.pass_id, s.renter_id, s.partner_id, s.asset_kind, s.free_minutes, s.percent_off, s.valid_from, s.valid_until,
       s.granted_at, s.fingerprint
FROM passes s
WHERE s.bucket = $1 AND s.renter_id = $2 AND s.granted_by = $3 AND s.request_id = $4;

-- name: list_passes
-- The passes of a renter at one partner, or at all (NULL), those that end last first.
SELECT s.pass_id, s.renter_id, s.partner_id, s.asset_kind, s.free_minutes, s.percent_off, s.valid_from, s.valid_until,
       s.granted_at
FROM passes s
WHERE s.bucket = $1 AND s.renter_id = $2 AND ($3::text IS NULL OR s.partner_id = $3)
ORDER BY s.valid_until DESC, s.pass_id DESC
LIMIT $4;
