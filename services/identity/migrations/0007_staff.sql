CREATE TABLE staff (
    staff_id         text        PRIMARY KEY,
    partner_id       text        NOT NULL REFERENCES partners,
    role             text        NOT NULL CHECK (role IN ('OWNER', 'MANAGER', 'ANALYST', 'SUPPORT')),
    state            text        NOT NULL CHECK (state IN ('INVITED', 'ACTIVE', 'REMOVED')),
    login_index      bytea       NOT NULL,
    wrapped_key      bytea       NOT NULL,
    sealed           bytea       NOT NULL,
    key_version      int         NOT NULL,
    password_hash    text        NOT NULL,
    totp_step        bigint      NOT NULL,
    invitation_hash  bytea       NOT NULL,
    invitation_until timestamptz,
    invited_at       timestamptz NOT NULL
);
CREATE UNIQUE INDEX staff_login ON staff (partner_id, login_index) WHERE state <> 'REMOVED';
CREATE INDEX staff_of_partner ON staff (partner_id, staff_id);
CREATE INDEX staff_key_version ON staff (key_version);

CREATE TABLE staff_sessions (
    session_id text        PRIMARY KEY,
    staff_id   text        NOT NULL REFERENCES staff,
    token_hash bytea       NOT NULL UNIQUE,
    begun_at   timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE INDEX staff_sessions_open ON staff_sessions (staff_id) WHERE ended_at IS NULL;
CREATE INDEX staff_sessions_ended ON staff_sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE staff_tries (
    partner_id   text        NOT NULL,
    login_index  bytea       NOT NULL,
    tries        int         NOT NULL CHECK (tries >= 0),
    window_ends  timestamptz NOT NULL,
    locks        int         NOT NULL CHECK (locks >= 0),
    locked_until timestamptz,
    PRIMARY KEY (partner_id, login_index)
);
