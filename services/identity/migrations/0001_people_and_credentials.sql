CREATE TABLE partners (
    partner_id   text        PRIMARY KEY,
    display_name text        NOT NULL,
    created_at   timestamptz NOT NULL
);

CREATE TABLE api_keys (
    api_key_id   text        PRIMARY KEY,
    partner_id   text        NOT NULL REFERENCES partners,
    key_hash     bytea       NOT NULL UNIQUE,
    display_name text        NOT NULL,
    created_at   timestamptz NOT NULL,
    revoked_at   timestamptz,
    revoked_real timestamptz
);
CREATE INDEX api_keys_revoked ON api_keys (revoked_real) WHERE revoked_real IS NOT NULL;

CREATE TABLE renters (
    bucket               int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id            text        NOT NULL,
    state                text        NOT NULL CHECK (state IN ('PENDING', 'VERIFIED', 'REJECTED', 'IN_REVIEW')),
    adult                boolean     NOT NULL,
    wrapped_key          bytea       NOT NULL,
    sealed               bytea       NOT NULL,
    created_at           timestamptz NOT NULL,
    document_verified_at timestamptz,
    phone_verified_at    timestamptz,
    verify_attempts      int         NOT NULL DEFAULT 0,
    verify_after         timestamptz NOT NULL,
    PRIMARY KEY (bucket, renter_id)
);
CREATE INDEX renters_to_verify ON renters (verify_after) WHERE state = 'PENDING';

CREATE TABLE documents (
    document_index bytea PRIMARY KEY,
    renter_id      text  NOT NULL
);

CREATE TABLE partner_links (
    bucket     int         NOT NULL,
    renter_id  text        NOT NULL,
    partner_id text        NOT NULL,
    linked_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, renter_id, partner_id)
);

CREATE TABLE consents (
    bucket       int         NOT NULL,
    consent_id   text        NOT NULL,
    renter_id    text        NOT NULL,
    partner_id   text        NOT NULL,
    purpose      text        NOT NULL,
    text_version text        NOT NULL,
    granted_at   timestamptz NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (bucket, renter_id, consent_id)
);
CREATE UNIQUE INDEX consents_in_force ON consents (bucket, renter_id, partner_id, purpose) WHERE withdrawn_at IS NULL;

CREATE TABLE codes (
    bucket     int         NOT NULL,
    renter_id  text        NOT NULL,
    partner_id text        NOT NULL,
    code_id    text        NOT NULL,
    code_hash  bytea       NOT NULL,
    sent_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    tries      int         NOT NULL DEFAULT 0,
    used_at    timestamptz,
    PRIMARY KEY (bucket, renter_id, partner_id, code_id)
);

CREATE TABLE requests (
    bucket      int         NOT NULL,
    caller      text        NOT NULL,
    method      text        NOT NULL,
    request_id  text        NOT NULL,
    fingerprint bytea       NOT NULL,
    subject_id  text        NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (bucket, caller, method, request_id)
);

CREATE TABLE outbox (
    bucket      int         NOT NULL,
    event_id    text        NOT NULL,
    destination text        NOT NULL,
    kind        text        NOT NULL,
    renter_id   text        NOT NULL,
    payload     jsonb       NOT NULL,
    created_at  timestamptz NOT NULL,
    lease_until timestamptz NOT NULL,
    attempts    int         NOT NULL,
    PRIMARY KEY (bucket, event_id)
);
CREATE INDEX outbox_due ON outbox (destination, lease_until, event_id);
