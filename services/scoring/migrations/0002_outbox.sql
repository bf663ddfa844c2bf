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
