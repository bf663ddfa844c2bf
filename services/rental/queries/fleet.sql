-- name: fleet_asset
-- All that is known of an asset of a partner.
SELECT a.partner_id, a.asset_id, a.asset_kind, a.code, a.price_plan_id, a.state, a.created_at, a.city, a.asset_class,
       a.monthly_rent_minor, a.price_plan_name, d.condition, d.photo_refs, d.rotates, p.lat_microdegrees, p.lon_microdegrees,
       p.station_id, p.battery_percent, p.range_meters, p.seen_at
FROM assets a
LEFT JOIN asset_details d ON d.partner_id = a.partner_id AND d.asset_id = a.asset_id
LEFT JOIN asset_places p ON p.partner_id = a.partner_id AND p.asset_id = a.asset_id
WHERE a.partner_id = $1 AND a.asset_id = $2;

-- name: list_fleet
-- A page of a partner's assets, by id.
SELECT a.partner_id, a.asset_id, a.asset_kind, a.code, a.price_plan_id, a.state, a.created_at, a.city, a.asset_class,
       a.monthly_rent_minor, a.price_plan_name, d.condition, d.photo_refs, d.rotates, p.lat_microdegrees, p.lon_microdegrees,
       p.station_id, p.battery_percent, p.range_meters, p.seen_at
FROM assets a
LEFT JOIN asset_details d ON d.partner_id = a.partner_id AND d.asset_id = a.asset_id
LEFT JOIN asset_places p ON p.partner_id = a.partner_id AND p.asset_id = a.asset_id
WHERE a.partner_id = $1 AND a.asset_id > $2 AND ($3::text IS NULL OR a.asset_kind = $3)
  AND ($4::text IS NULL OR a.state = $4) AND ($5::text IS NULL OR a.city = $5)
ORDER BY a.asset_id
LIMIT $6;

-- name: update_asset
-- Tells something else of what chooses an asset's deposit; null stays.
UPDATE assets a SET city = COALESCE($3, a.city), asset_class = COALESCE($4, a.asset_class),
                    monthly_rent_minor = COALESCE($5, a.monthly_rent_minor)
WHERE a.partner_id = $1 AND a.asset_id = $2
RETURNING a.asset_id;

-- name: update_details
-- Tells something else of an asset; null stays.
INSERT INTO asset_details AS d (partner_id, asset_id, condition, photo_refs, rotates)
VALUES ($1, $2, COALESCE($3, 'GOOD'), COALESCE($4::text[], '{}'), COALESCE($5, false))
ON CONFLICT (partner_id, asset_id) DO UPDATE
SET condition = COALESCE($3, d.condition), photo_refs = COALESCE($4::text[], d.photo_refs), rotates = COALESCE($5, d.rotates);

-- name: set_asset_state
-- Puts an asset into a state, from one of those that lead there, unless it belongs to a rental.
UPDATE assets a SET state = $3
WHERE a.partner_id = $1 AND a.asset_id = $2 AND a.state = ANY($4::text[]) AND a.rental_id IS NULL
RETURNING a.asset_id;

-- name: watch_asset
-- Looks at an asset's silence from then on, if it has ever reported and is not watched yet.
UPDATE asset_places p SET check_at = $3
WHERE p.partner_id = $1 AND p.asset_id = $2 AND p.check_at IS NULL;

-- name: read_watched
-- A partner's assets by their codes, as their watchers see them, by place.
SELECT w.place, a.partner_id, a.asset_id, a.asset_kind, a.state, p.seen_at, p.check_at
FROM unnest($2::text[]) WITH ORDINALITY AS w (code, place)
CROSS JOIN LATERAL (
    SELECT q.partner_id, q.asset_id, q.asset_kind, q.state FROM assets q
    WHERE q.partner_id = $1 AND q.code = w.code
    LIMIT 1) a
LEFT JOIN LATERAL (
    SELECT q.seen_at, q.check_at FROM asset_places q
    WHERE q.partner_id = a.partner_id AND q.asset_id = a.asset_id
    LIMIT 1) p ON true;

-- name: save_sightings
-- Writes where assets were seen, in their order; an older sighting than the one that is known changes nothing.
INSERT INTO asset_places AS p (partner_id, asset_id, asset_kind, lat_microdegrees, lon_microdegrees, cell, station_id,
                               battery_percent, range_meters, seen_at, check_at)
SELECT $1, w.asset_id, w.asset_kind, w.lat, w.lon, w.cell, w.station_id, w.battery, w.range, w.seen_at, w.check_at
FROM unnest($2::text[], $3::text[], $4::int[], $5::int[], $6::text[], $7::text[], $8::int[], $9::int[], $10::timestamptz[],
            $11::timestamptz[])
    AS w (asset_id, asset_kind, lat, lon, cell, station_id, battery, range, seen_at, check_at)
ORDER BY w.asset_id
ON CONFLICT (partner_id, asset_id) DO UPDATE
SET lat_microdegrees = COALESCE(excluded.lat_microdegrees, p.lat_microdegrees),
    lon_microdegrees = COALESCE(excluded.lon_microdegrees, p.lon_microdegrees),
    cell = COALESCE(excluded.cell, p.cell),
    station_id = CASE WHEN excluded.cell IS NULL THEN p.station_id ELSE excluded.station_id END,
    battery_percent = COALESCE(excluded.battery_percent, p.battery_percent),
    range_meters = COALESCE(excluded.range_meters, p.range_meters),
    seen_at = excluded.seen_at,
    check_at = excluded.check_at
WHERE p.seen_at < excluded.seen_at;

-- name: take_silent
-- Assets whose silence is to be looked at, the longest due first.
SELECT p.partner_id, p.asset_id, p.asset_kind, a.state, p.seen_at, p.check_at
FROM (SELECT q.partner_id, q.asset_id, q.asset_kind, q.seen_at, q.check_at FROM asset_places q
      WHERE q.check_at <= $1 ORDER BY q.check_at LIMIT $2) p
CROSS JOIN LATERAL (
    SELECT q.state FROM assets q WHERE q.partner_id = p.partner_id AND q.asset_id = p.asset_id LIMIT 1) a;

-- name: save_checks
-- When the silence of these is looked at next; not of those that were seen, or looked at, meanwhile.
UPDATE asset_places p SET check_at = w.check_at
FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
    AS w (partner_id, asset_id, seen_at, was_due_at, check_at)
WHERE p.partner_id = w.partner_id AND p.asset_id = w.asset_id AND p.seen_at = w.seen_at AND p.check_at = w.was_due_at
RETURNING p.asset_id;

-- name: move_assets
-- Puts assets into the states that were decided, in their order, where they still are in those that it was decided on and
-- belong to no rental: what was lost is bought, and found by ReportFound.
WITH wanted AS (
    SELECT w.partner_id, w.asset_id, w.before, w.after
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS w (partner_id, asset_id, before, after)
),
locked AS (
    SELECT a.partner_id, a.asset_id
    FROM wanted w JOIN assets a ON a.partner_id = w.partner_id AND a.asset_id = w.asset_id
    WHERE a.state = w.before AND a.rental_id IS NULL
    ORDER BY a.partner_id, a.asset_id
    FOR UPDATE OF a
)
UPDATE assets a SET state = w.after
FROM locked l JOIN wanted w ON w.partner_id = l.partner_id AND w.asset_id = l.asset_id
WHERE a.partner_id = l.partner_id AND a.asset_id = l.asset_id
RETURNING a.asset_id;

-- name: search_assets
-- Available assets within a distance of a point, nearest first. The cells find what may be near, the great circle says how
-- near; only as many assets as are answered, and those that are not available among them, are looked at one by one.
-- OFFSET 0 keeps the planner to one walk of the index per cell, however it sees the table.
WITH near AS (
    SELECT p.partner_id, p.asset_id, p.asset_kind, p.lat_microdegrees, p.lon_microdegrees, p.station_id,
           p.battery_percent, p.range_meters, p.seen_at,
           2 * 6371008.8 * asin(sqrt(LEAST(1.0,
               sin(radians(p.lat_microdegrees / 1e6::float8 - $2::float8) / 2) ^ 2
               + cos(radians($2::float8)) * cos(radians(p.lat_microdegrees / 1e6::float8))
                 * sin(radians(p.lon_microdegrees / 1e6::float8 - $3::float8) / 2) ^ 2))) AS meters
    FROM unnest($1::text[]) AS c (prefix)
    CROSS JOIN LATERAL (
        SELECT q.partner_id, q.asset_id, q.asset_kind, q.lat_microdegrees, q.lon_microdegrees, q.station_id,
               q.battery_percent, q.range_meters, q.seen_at
        FROM asset_places q
        WHERE q.cell >= c.prefix AND q.cell < c.prefix || '~' AND ($5::text IS NULL OR q.partner_id = $5)
          AND ($6::text IS NULL OR q.asset_kind = $6)
        OFFSET 0) p
)
SELECT n.partner_id, n.asset_id, n.asset_kind, a.asset_class, a.price_plan_id, a.uses, n.meters, n.lat_microdegrees,
       n.lon_microdegrees, n.station_id, n.battery_percent, n.range_meters, n.seen_at
FROM (SELECT m.partner_id, m.asset_id, m.asset_kind, m.lat_microdegrees, m.lon_microdegrees, m.station_id,
             m.battery_percent, m.range_meters, m.seen_at, m.meters
      FROM near m WHERE m.meters <= $4 ORDER BY m.meters, m.asset_id) n
CROSS JOIN LATERAL (
    SELECT q.asset_class, q.uses,
           COALESCE(q.price_plan_id, (
               SELECT n.price_plan_id FROM price_plans n
               WHERE n.partner_id = q.partner_id AND n.name = q.price_plan_name AND n.name <> ''
               ORDER BY n.version DESC
               LIMIT 1)) AS price_plan_id
    FROM assets q
    WHERE q.partner_id = n.partner_id AND q.asset_id = n.asset_id AND q.state = 'AVAILABLE'
    LIMIT 1) a
ORDER BY n.meters, n.asset_id
LIMIT $7;

-- name: read_codes
-- The public codes of these assets that nobody has started a rental by since. LIMIT keeps the planner to one look-up each.
SELECT w.partner_id, w.asset_id, c.public_code, c.uses
FROM unnest($1::text[], $2::text[]) AS w (partner_id, asset_id)
CROSS JOIN LATERAL (
    SELECT q.public_code, q.uses FROM asset_codes q
    JOIN assets a ON a.partner_id = q.partner_id AND a.asset_id = q.asset_id AND a.uses = q.uses
    WHERE q.partner_id = w.partner_id AND q.asset_id = w.asset_id
    LIMIT 1) c;

-- name: make_codes
-- Gives these assets public codes for their next rental, in their order; one that has one keeps it.
INSERT INTO asset_codes AS c (partner_id, asset_id, public_code, uses)
SELECT a.partner_id, a.asset_id, w.public_code, a.uses
FROM unnest($1::text[], $2::text[], $3::text[]) AS w (partner_id, asset_id, public_code)
CROSS JOIN LATERAL (
    SELECT q.partner_id, q.asset_id, q.uses FROM assets q
    WHERE q.partner_id = w.partner_id AND q.asset_id = w.asset_id
    LIMIT 1) a
ORDER BY a.partner_id, a.asset_id
ON CONFLICT (partner_id, asset_id) DO UPDATE SET public_code = excluded.public_code, uses = excluded.uses
WHERE c.uses <> excluded.uses;

-- name: import_assets
-- Makes assets; one whose code exists is left as it is.
INSERT INTO assets (partner_id, asset_id, asset_kind, code, price_plan_id, price_plan_name, state, created_at, city,
                    asset_class, monthly_rent_minor)
SELECT $1, w.asset_id, w.asset_kind, w.code, NULLIF(w.price_plan_id, ''), w.price_plan_name, 'AVAILABLE', $2, w.city,
       w.asset_class, w.rent
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[])
    AS w (asset_id, asset_kind, code, price_plan_id, price_plan_name, city, asset_class, rent)
ON CONFLICT (partner_id, code) DO NOTHING
RETURNING asset_id;

-- name: import_details
-- What was told of new assets besides.
INSERT INTO asset_details (partner_id, asset_id, condition, photo_refs, rotates)
SELECT $1, w.asset_id, w.condition, '{}', w.rotates
FROM unnest($2::text[], $3::text[], $4::boolean[]) AS w (asset_id, condition, rotates);

-- name: import_places
-- Where new assets were put. Nothing is silent before it has spoken.
INSERT INTO asset_places (partner_id, asset_id, asset_kind, lat_microdegrees, lon_microdegrees, cell, seen_at)
SELECT $1, w.asset_id, w.asset_kind, w.lat, w.lon, w.cell, $2
FROM unnest($3::text[], $4::text[], $5::int[], $6::int[], $7::text[]) AS w (asset_id, asset_kind, lat, lon, cell);

-- name: keep_import
-- What became of an import.
INSERT INTO asset_imports (partner_id, import_id, made, faults, created_at) VALUES ($1, $2, $3, $4, $5);

-- name: read_import
-- What became of an import.
SELECT i.made, i.faults FROM asset_imports i WHERE i.partner_id = $1 AND i.import_id = $2;
