-- Which facts a decision was made on, and decisions that were made again once facts had been put right.
ALTER TABLE deposits ADD COLUMN facts_version bigint NOT NULL DEFAULT 0;

CREATE TABLE redecisions (
    bucket        int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    deposit_id    text        NOT NULL,
    event_id      text        NOT NULL,
    renter_id     text        NOT NULL,
    outcome       text        NOT NULL,
    reason_codes  text[]      NOT NULL,
    model_version text        NOT NULL,
    facts_version bigint      NOT NULL,
    score         int,
    remade_at     timestamptz NOT NULL,
    PRIMARY KEY (bucket, deposit_id, event_id)
);
