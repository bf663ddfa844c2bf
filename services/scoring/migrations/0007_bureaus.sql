-- A link is sealed under its own id, not the person's: a bureau can be told to forget somebody who was erased here.
CREATE TABLE bureau_links (
    bucket      int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    link_id     text        NOT NULL,
    renter_id   text        NOT NULL,
    bureau      text        NOT NULL,
    wrapped_key bytea       NOT NULL,
    sealed      bytea       NOT NULL,
    key_version int         NOT NULL,
    linked_at   timestamptz NOT NULL,
    unlinked_at timestamptz,
    reported_at timestamptz,
    answered    text        NOT NULL DEFAULT 'OUTAGE' CHECK (answered IN ('REPORTED', 'NO_RECORD', 'OUTAGE')),
    failures    int         NOT NULL DEFAULT 0,
    ask_at      timestamptz NOT NULL,
    PRIMARY KEY (bucket, link_id)
);
CREATE UNIQUE INDEX bureau_links_standing ON bureau_links (bucket, renter_id, bureau) WHERE unlinked_at IS NULL;
CREATE INDEX bureau_links_due ON bureau_links (ask_at, link_id);

-- One account at a bureau counts for one person; it is known by its hash alone, whose first ten bits are its bucket.
CREATE TABLE bureau_accounts (
    bucket       int   NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    account_hash bytea NOT NULL,
    link_id      text  NOT NULL,
    PRIMARY KEY (bucket, account_hash)
);
CREATE INDEX bureau_accounts_of_a_link ON bureau_accounts (link_id);
