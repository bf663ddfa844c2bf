CREATE TABLE refresh_tokens (
    bucket     int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id  text        NOT NULL,
    token_hash bytea       NOT NULL,
    session_id text        NOT NULL,
    partner_id text        NOT NULL,
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    ended_at   timestamptz,
    PRIMARY KEY (bucket, renter_id, token_hash)
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (bucket, renter_id, session_id);
