ALTER TABLE renters
    ADD COLUMN verified_until  timestamptz,
    ADD COLUMN face_checked_at timestamptz,
    ADD COLUMN frozen_at       timestamptz,
    ADD COLUMN merged_into     text NOT NULL DEFAULT '',
    ADD COLUMN verify_round    int  NOT NULL DEFAULT 1;

CREATE TABLE account_changes (
    bucket     int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id  text        NOT NULL,
    change_id  text        NOT NULL,
    kind       text        NOT NULL,
    actor      text        NOT NULL,
    reason     text        NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, renter_id, change_id)
);

CREATE TABLE accesses (
    bucket      int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id   text        NOT NULL,
    access_id   text        NOT NULL,
    actor       text        NOT NULL,
    fields      text[]      NOT NULL,
    reason      text        NOT NULL,
    accessed_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, renter_id, access_id)
);
