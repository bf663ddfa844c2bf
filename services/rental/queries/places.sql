-- name: set_station
-- Makes the station with this code, or says what it is now; its id stays.
INSERT INTO stations AS s (partner_id, station_id, code, name, city, asset_kinds, lat_microdegrees, lon_microdegrees, cell,
                           slots, is_open, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (partner_id, code) DO UPDATE
SET name = excluded.name, city = excluded.city, asset_kinds = excluded.asset_kinds,
    lat_microdegrees = excluded.lat_microdegrees, lon_microdegrees = excluded.lon_microdegrees, cell = excluded.cell,
    slots = excluded.slots, is_open = excluded.is_open, updated_at = excluded.updated_at;

-- name: stations_by_code
-- A partner's stations with these codes.
SELECT s.partner_id, s.station_id, s.code, s.name, s.city, s.asset_kinds, s.lat_microdegrees, s.lon_microdegrees, s.slots,
       s.is_open, s.updated_at
FROM stations s
WHERE s.partner_id = $1 AND s.code = ANY($2::text[]);

-- name: list_stations
-- A page of a partner's stations, by id.
SELECT s.partner_id, s.station_id, s.code, s.name, s.city, s.asset_kinds, s.lat_microdegrees, s.lon_microdegrees, s.slots,
       s.is_open, s.updated_at, 0::float8 AS meters
FROM stations s
WHERE s.partner_id = $1 AND s.station_id > $2
ORDER BY s.station_id
LIMIT $3;

-- name: search_stations
-- Open stations for a kind within a distance of a point, nearest first; as `search_assets`.
WITH near AS (
    SELECT p.partner_id, p.station_id, p.code, p.name, p.city, p.asset_kinds, p.lat_microdegrees, p.lon_microdegrees,
           p.slots, p.is_open, p.updated_at,
           2 * 6371008.8 * asin(sqrt(LEAST(1.0,
               sin(radians(p.lat_microdegrees / 1e6::float8 - $2::float8) / 2) ^ 2
               + cos(radians($2::float8)) * cos(radians(p.lat_microdegrees / 1e6::float8))
                 * sin(radians(p.lon_microdegrees / 1e6::float8 - $3::float8) / 2) ^ 2))) AS meters
    FROM unnest($1::text[]) AS c (prefix)
    CROSS JOIN LATERAL (
        SELECT q.partner_id, q.station_id, q.code, q.name, q.city, q.asset_kinds, q.lat_microdegrees, q.lon_microdegrees,
               q.slots, q.is_open, q.updated_at
        FROM stations q
        WHERE q.cell >= c.prefix AND q.cell < c.prefix || '~' AND ($5::text IS NULL OR q.partner_id = $5)
          AND $6::text = ANY(q.asset_kinds) AND q.is_open
        OFFSET 0) p
)
SELECT n.partner_id, n.station_id, n.code, n.name, n.city, n.asset_kinds, n.lat_microdegrees, n.lon_microdegrees, n.slots,
       n.is_open, n.updated_at, n.meters
FROM near n
WHERE n.meters <= $4
ORDER BY n.meters, n.station_id
LIMIT $7;

-- name: stock_of_stations
-- What stands at these stations, by kind, class and state. What is out stands nowhere.
SELECT w.station_id, a.asset_kind, a.asset_class, a.state, count(*) AS count, max(p.seen_at) AS seen_at
FROM unnest($1::text[], $2::text[]) AS w (partner_id, station_id)
CROSS JOIN LATERAL (
    SELECT q.partner_id, q.asset_id, q.seen_at FROM asset_places q
    WHERE q.partner_id = w.partner_id AND q.station_id = w.station_id
    OFFSET 0) p
CROSS JOIN LATERAL (
    SELECT q.asset_kind, q.asset_class, q.state FROM assets q
    WHERE q.partner_id = p.partner_id AND q.asset_id = p.asset_id
    LIMIT 1) a
WHERE a.state NOT IN ('RENTED', 'REMOVED', 'MISSING')
GROUP BY w.station_id, a.asset_kind, a.asset_class, a.state;

-- name: set_zone
-- Makes the zone with this code, or says where it is now; its id stays.
INSERT INTO zones AS z (partner_id, zone_id, code, name, polygons, south, west, north, east, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (partner_id, code) DO UPDATE
SET name = excluded.name, polygons = excluded.polygons, south = excluded.south, west = excluded.west,
    north = excluded.north, east = excluded.east, updated_at = excluded.updated_at;

-- name: list_zones
-- A partner's zones, by id.
SELECT z.partner_id, z.zone_id, z.code, z.name, z.polygons, z.updated_at
FROM zones z
WHERE z.partner_id = $1
ORDER BY z.zone_id
LIMIT $2;

-- name: zones_around
-- Those of a partner's zones whose boxes hold a point, by id.
SELECT z.partner_id, z.zone_id, z.code, z.name, z.polygons, z.updated_at
FROM zones z
WHERE z.partner_id = $1 AND $2::int BETWEEN z.south AND z.north AND $3::int BETWEEN z.west AND z.east
ORDER BY z.zone_id;

-- name: has_zones
-- Whether a partner has a zone that is somewhere.
SELECT EXISTS (SELECT 1 FROM zones z WHERE z.partner_id = $1 AND z.south IS NOT NULL);

-- name: zone_of_code
-- A zone by its code.
SELECT z.partner_id, z.zone_id, z.code, z.name, z.polygons, z.updated_at
FROM zones z
WHERE z.partner_id = $1 AND z.code = $2;

-- name: set_profile
-- Says what a partner's feeds and labels say.
INSERT INTO fleet_profiles AS f (partner_id, name, language, time_zone, contact_email, opening_hours, link_prefix, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (partner_id) DO UPDATE
SET name = excluded.name, language = excluded.language, time_zone = excluded.time_zone,
    contact_email = excluded.contact_email, opening_hours = excluded.opening_hours, link_prefix = excluded.link_prefix,
    updated_at = excluded.updated_at;

-- name: read_profile
-- What a partner's feeds and labels say.
SELECT f.name, f.language, f.time_zone, f.contact_email, f.opening_hours, f.link_prefix
FROM fleet_profiles f
WHERE f.partner_id = $1;

-- name: feed_vehicles
-- A page of a partner's vehicles that a map may show, by id. Where people ride is nobody's matter, nor what is lost.
SELECT p.asset_id, p.asset_kind, p.lat_microdegrees, p.lon_microdegrees, p.station_id, p.battery_percent, p.range_meters,
       p.seen_at, a.asset_class, a.price_plan_id, a.state, a.uses
FROM (SELECT q.partner_id, q.asset_id, q.asset_kind, q.lat_microdegrees, q.lon_microdegrees, q.station_id, q.battery_percent,
             q.range_meters, q.seen_at
      FROM asset_places q
      WHERE q.partner_id = $1 AND q.asset_id > $2 AND q.asset_kind = ANY($3::text[]) AND q.cell IS NOT NULL
      ORDER BY q.asset_id
      LIMIT $4) p
CROSS JOIN LATERAL (
    SELECT q.asset_class, q.state, q.uses,
           COALESCE(q.price_plan_id, (
               SELECT n.price_plan_id FROM price_plans n
               WHERE n.partner_id = q.partner_id AND n.name = q.price_plan_name AND n.name <> ''
               ORDER BY n.version DESC
               LIMIT 1)) AS price_plan_id
    FROM assets q
    WHERE q.partner_id = p.partner_id AND q.asset_id = p.asset_id
    LIMIT 1) a
ORDER BY p.asset_id;

-- name: feed_types
-- Which kinds and classes of vehicles a partner has, and by which plans they are rented.
SELECT DISTINCT t.asset_kind, t.asset_class, COALESCE(t.price_plan_id, p.price_plan_id) AS price_plan_id
FROM (SELECT DISTINCT a.asset_kind, a.asset_class, a.price_plan_id, a.price_plan_name FROM assets a
      WHERE a.partner_id = $1 AND a.asset_kind = ANY($2::text[]) AND a.state <> 'REMOVED') t
LEFT JOIN LATERAL (
    SELECT n.price_plan_id FROM price_plans n
    WHERE n.partner_id = $1 AND n.name = t.price_plan_name AND n.name <> ''
    ORDER BY n.version DESC
    LIMIT 1) p ON true
ORDER BY t.asset_kind, t.asset_class, price_plan_id;

-- name: feed_plans
-- These price plans of a partner.
SELECT p.partner_id, p.price_plan_id, p.name, p.version, p.currency, p.base_minor, p.segments, p.cap_per_day_minor,
       p.rules, p.created_at
FROM price_plans p
WHERE p.partner_id = $1 AND p.price_plan_id = ANY($2::text[])
ORDER BY p.price_plan_id;

-- name: plans_to_import
-- Which of these ids and names are of plans of a partner.
SELECT p.price_plan_id AS plan FROM price_plans p
WHERE p.partner_id = $1 AND p.price_plan_id = ANY($2::text[])
UNION ALL
SELECT p.name FROM price_plans p
WHERE p.partner_id = $1 AND p.name = ANY($3::text[]) AND p.name <> '' AND p.version = 1;
