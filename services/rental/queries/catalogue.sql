-- name: record_request
-- Remembers what a command makes; no row when it is remembered already.
INSERT INTO requests (bucket, caller, method, request_id, fingerprint, subject_id, created_at)
VALUES (0, $1, $2, $3, $4, $5, $6)
ON CONFLICT (bucket, caller, method, request_id) DO NOTHING
RETURNING subject_id;

-- name: find_request
-- What a command made.
SELECT q.fingerprint, q.subject_id FROM requests q
WHERE q.bucket = 0 AND q.caller = $1 AND q.method = $2 AND q.request_id = $3;

-- name: create_plan
-- Keeps a price plan.
INSERT INTO price_plans (partner_id, price_plan_id, name, version, currency, base_minor, segments, cap_per_day_minor,
                         rules, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: read_plan
-- A price plan of a partner.
SELECT p.partner_id, p.price_plan_id, p.name, p.version, p.currency, p.base_minor, p.segments, p.cap_per_day_minor,
       p.rules, p.created_at
FROM price_plans p
WHERE p.partner_id = $1 AND p.price_plan_id = $2;

-- name: lock_plan_name
-- Whoever makes a version of a name waits here for the others; the first of a name meets the unique index instead.
SELECT p.price_plan_id FROM price_plans p
WHERE p.partner_id = $1 AND p.name = $2 AND p.name <> '' AND p.version = 1
FOR UPDATE;

-- name: newest_plan
-- The newest version of a partner's name.
SELECT p.partner_id, p.price_plan_id, p.name, p.version, p.currency, p.base_minor, p.segments, p.cap_per_day_minor,
       p.rules, p.created_at
FROM price_plans p
WHERE p.partner_id = $1 AND p.name = $2 AND p.name <> ''
ORDER BY p.version DESC
LIMIT 1;

-- name: create_asset
-- Makes an asset; its code is unique for the partner, its plan is the partner's.
INSERT INTO assets (partner_id, asset_id, asset_kind, code, price_plan_id, state, created_at, city, asset_class,
                    monthly_rent_minor, price_plan_name)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: read_asset
-- An asset of a partner.
SELECT a.partner_id, a.asset_id, a.asset_kind, a.code, a.price_plan_id, a.state, a.created_at, a.city, a.asset_class,
       a.monthly_rent_minor, a.price_plan_name
FROM assets a
WHERE a.partner_id = $1 AND a.asset_id = $2;
