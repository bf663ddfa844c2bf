-- Assets beyond what a claim reads. `assets` stays as narrow as it was, and a claim still changes no indexed column: what is
-- told of an asset, where it is and what its public code is have tables of their own.

ALTER TABLE assets DROP CONSTRAINT assets_state_check;
ALTER TABLE assets ADD CONSTRAINT assets_state_check
    CHECK (state IN ('AVAILABLE', 'RESERVED', 'RENTED', 'NON_CONTACTABLE', 'MISSING', 'MAINTENANCE', 'REMOVED'));
-- How often it was claimed. A public code is good for one count: the next claim ends it.
ALTER TABLE assets ADD COLUMN uses int NOT NULL DEFAULT 0;

-- No row says: in good condition, without photos, labelled with its fixed code.
CREATE TABLE asset_details (
    partner_id  text    NOT NULL,
    asset_id    text    NOT NULL,
    condition   text    NOT NULL CHECK (condition IN ('GOOD', 'WORN', 'DAMAGED')),
    photo_refs  text[]  NOT NULL CHECK (cardinality(photo_refs) <= 10),
    rotates     boolean NOT NULL,
    PRIMARY KEY (partner_id, asset_id),
    FOREIGN KEY (partner_id, asset_id) REFERENCES assets (partner_id, asset_id)
);

-- Where it was when it was last seen, and only there: no trail is kept. `cell` is the geohash of the position, 8 letters
-- long, so that a parked thing whose position jitters changes no index. `check_at`: when its silence is looked at.
CREATE TABLE asset_places (
    partner_id       text        NOT NULL,
    asset_id         text        NOT NULL,
    asset_kind       text        NOT NULL,
    lat_microdegrees int         CHECK (lat_microdegrees BETWEEN -90000000 AND 90000000),
    lon_microdegrees int         CHECK (lon_microdegrees BETWEEN -180000000 AND 180000000),
    cell             text        COLLATE "C" CHECK (length(cell) = 8),
    station_id       text,
    battery_percent  int         CHECK (battery_percent BETWEEN 0 AND 100),
    range_meters     int         CHECK (range_meters >= 0),
    seen_at          timestamptz NOT NULL,
    check_at         timestamptz,
    PRIMARY KEY (partner_id, asset_id),
    FOREIGN KEY (partner_id, asset_id) REFERENCES assets (partner_id, asset_id),
    CONSTRAINT place_is_whole CHECK (num_nulls(lat_microdegrees, lon_microdegrees, cell) IN (0, 3))
) WITH (fillfactor = 70);

CREATE INDEX asset_places_near ON asset_places (cell, partner_id) WHERE cell IS NOT NULL;
CREATE INDEX asset_places_docked ON asset_places (partner_id, station_id) WHERE station_id IS NOT NULL;
CREATE INDEX asset_places_check ON asset_places (check_at) WHERE check_at IS NOT NULL;

-- The current public code of an asset, if one was asked for since its last claim.
CREATE TABLE asset_codes (
    partner_id  text NOT NULL,
    asset_id    text NOT NULL,
    public_code text NOT NULL,
    uses        int  NOT NULL,
    PRIMARY KEY (partner_id, asset_id),
    UNIQUE (partner_id, public_code),
    FOREIGN KEY (partner_id, asset_id) REFERENCES assets (partner_id, asset_id)
);

-- Where assets are handed out and taken back: docks, cabinets, stands. What stands there is told by `asset_places`.
CREATE TABLE stations (
    partner_id       text        NOT NULL,
    station_id       text        NOT NULL,
    code             text        NOT NULL,
    name             text        NOT NULL,
    city             text        NOT NULL,
    asset_kinds      text[]      NOT NULL CHECK (cardinality(asset_kinds) > 0),
    lat_microdegrees int         NOT NULL CHECK (lat_microdegrees BETWEEN -90000000 AND 90000000),
    lon_microdegrees int         NOT NULL CHECK (lon_microdegrees BETWEEN -180000000 AND 180000000),
    cell             text        COLLATE "C" NOT NULL CHECK (length(cell) = 8),
    slots            int         NOT NULL CHECK (slots >= 0),
    is_open          boolean     NOT NULL,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (partner_id, station_id),
    CONSTRAINT stations_code_once UNIQUE (partner_id, code)
);

CREATE INDEX stations_near ON stations (cell, partner_id);

-- Where assets may be left: polygons, as GeoJSON has them (longitude first, degrees), and the box around them in microdegrees.
CREATE TABLE zones (
    partner_id text        NOT NULL,
    zone_id    text        NOT NULL,
    code       text        NOT NULL,
    name       text        NOT NULL,
    polygons   jsonb       NOT NULL CHECK (jsonb_typeof(polygons) = 'array'),
    south      int,
    west       int,
    north      int,
    east       int,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, zone_id),
    CONSTRAINT zones_code_once UNIQUE (partner_id, code),
    CONSTRAINT box_is_whole CHECK (num_nulls(south, west, north, east) IN (0, 4))
);

-- What a partner's feeds and labels say of it.
CREATE TABLE fleet_profiles (
    partner_id    text        NOT NULL PRIMARY KEY,
    name          text        NOT NULL,
    language      text        NOT NULL,
    time_zone     text        NOT NULL,
    contact_email text        NOT NULL,
    opening_hours text        NOT NULL,
    link_prefix   text        NOT NULL,
    updated_at    timestamptz NOT NULL
);

-- What became of an import, line by line, so that repeating it tells the same.
CREATE TABLE asset_imports (
    partner_id text        NOT NULL,
    import_id  text        NOT NULL,
    made       int         NOT NULL CHECK (made >= 0),
    faults     jsonb       NOT NULL CHECK (jsonb_typeof(faults) = 'array'),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (partner_id, import_id)
);
