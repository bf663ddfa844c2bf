-- Every renter's transfers hang on each other by hash (a link is what one batch wrote of one renter); finished days are
-- sealed into roots. `booked_on` is the day that a transfer counts for; `corrects` names the transfer that it corrects.
CREATE TABLE ledger_heads (
    bucket      int     NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    renter_id   text    NOT NULL,
    link        bigint  NOT NULL CHECK (link > 0),
    hash        bytea   NOT NULL,
    booked_on   date    NOT NULL,
    rolled_link bigint  NOT NULL DEFAULT 0,
    rolled      boolean NOT NULL DEFAULT false,
    PRIMARY KEY (bucket, renter_id),
    CHECK (rolled_link <= link)
) WITH (fillfactor = 70);
CREATE INDEX ledger_heads_unrolled ON ledger_heads (bucket, renter_id) WHERE NOT rolled;

-- A day with a row takes no more bookings; its root follows when nothing that began before can still be written.
CREATE TABLE ledger_roots (
    day       date        NOT NULL,
    closed_at timestamptz NOT NULL,
    renters   bigint,
    root      bytea,
    PRIMARY KEY (day)
);

ALTER TABLE ledger_transfers ADD COLUMN corrects text NOT NULL DEFAULT '';
ALTER TABLE ledger_transfers ADD COLUMN booked_on date;
ALTER TABLE ledger_transfers ADD COLUMN link bigint;
ALTER TABLE ledger_transfers ADD COLUMN link_hash bytea;

-- What there is becomes the first links: one per renter and day, hashed as services/deposits/domain/ledger/chain.py does.
UPDATE ledger_transfers t SET booked_on = (t.occurred_at AT TIME ZONE 'UTC')::date, link = s.link
FROM (SELECT x.bucket, x.transfer_id,
             dense_rank() OVER (PARTITION BY x.renter_id ORDER BY (x.occurred_at AT TIME ZONE 'UTC')::date) AS link
      FROM ledger_transfers x) s
WHERE s.bucket = t.bucket AND s.transfer_id = t.transfer_id;
WITH RECURSIVE texts AS (
    SELECT t.bucket, t.renter_id, t.link, t.booked_on,
           concat_ws('|', t.transfer_id, t.deposit_id, t.renter_id, t.partner_id, t.kind,
                     to_char(t.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), t.corrects,
                     string_agg(concat_ws(':', e.position, e.account, e.currency, e.amount_minor), '|' ORDER BY e.position)) AS line
    FROM ledger_transfers t JOIN ledger_entries e ON e.bucket = t.bucket AND e.transfer_id = t.transfer_id
    GROUP BY t.bucket, t.transfer_id
), leaves AS (
    SELECT bucket, renter_id, link, booked_on,
           sha256(sha256(convert_to(string_agg(line, E'\n' ORDER BY line COLLATE "C"), 'UTF8'))
                  || convert_to(to_char(booked_on, 'YYYY-MM-DD'), 'UTF8')) AS leaf
    FROM texts GROUP BY bucket, renter_id, link, booked_on
), chain AS (
    SELECT bucket, renter_id, link, booked_on, leaf AS hash FROM leaves WHERE link = 1
    UNION ALL
    SELECT l.bucket, l.renter_id, l.link, l.booked_on, sha256(c.hash || l.leaf)
    FROM chain c JOIN leaves l ON l.bucket = c.bucket AND l.renter_id = c.renter_id AND l.link = c.link + 1
), linked AS (
    UPDATE ledger_transfers t SET link_hash = c.hash FROM chain c
    WHERE c.bucket = t.bucket AND c.renter_id = t.renter_id AND c.link = t.link
)
INSERT INTO ledger_heads (bucket, renter_id, link, hash, booked_on)
SELECT DISTINCT ON (bucket, renter_id) bucket, renter_id, link, hash, booked_on FROM chain
ORDER BY bucket, renter_id, link DESC;

ALTER TABLE ledger_transfers ALTER COLUMN booked_on SET NOT NULL;
ALTER TABLE ledger_transfers ALTER COLUMN link SET NOT NULL;
ALTER TABLE ledger_transfers ALTER COLUMN link_hash SET NOT NULL;
CREATE INDEX ledger_transfers_chain ON ledger_transfers (bucket, renter_id, link);
CREATE INDEX ledger_transfers_of_partner ON ledger_transfers (partner_id, booked_on, transfer_id);

-- What each partner's entries sum to, by day. A sweeper rolls them up from the chains, beyond `rolled_link` of each head.
CREATE TABLE ledger_partner_days (
    partner_id    text   NOT NULL,
    day           date   NOT NULL,
    account       text   NOT NULL,
    currency      text   NOT NULL,
    debits_minor  bigint NOT NULL,
    credits_minor bigint NOT NULL,
    PRIMARY KEY (partner_id, day, account, currency)
) WITH (fillfactor = 70);

CREATE TABLE ledger_periods (
    month     date        NOT NULL,
    closed_by text        NOT NULL,
    closed_at timestamptz NOT NULL,
    totals    jsonb       NOT NULL,
    PRIMARY KEY (month)
);

CREATE TABLE ledger_corrections (
    bucket        int         NOT NULL CHECK (bucket BETWEEN 0 AND 1023),
    correction_id text        NOT NULL,
    transfer_id   text        NOT NULL,
    deposit_id    text        NOT NULL,
    renter_id     text        NOT NULL,
    partner_id    text        NOT NULL,
    account       text        NOT NULL,
    currency      text        NOT NULL,
    amount_minor  bigint      NOT NULL CHECK (amount_minor <> 0),
    reason        text        NOT NULL,
    author        text        NOT NULL,
    proposed_at   timestamptz NOT NULL,
    state         text        NOT NULL CHECK (state IN ('PROPOSED', 'BOOKED')),
    approver      text        NOT NULL,
    booked_at     timestamptz,
    PRIMARY KEY (bucket, correction_id),
    FOREIGN KEY (bucket, transfer_id) REFERENCES ledger_transfers (bucket, transfer_id)
);
CREATE INDEX ledger_corrections_of ON ledger_corrections (bucket, transfer_id);
CREATE INDEX ledger_corrections_listed ON ledger_corrections (correction_id);
