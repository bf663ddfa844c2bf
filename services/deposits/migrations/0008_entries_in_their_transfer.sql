-- A transfer's entries stand in its own row: written once, never apart. `ledger_entries` shows them one by one.
ALTER TABLE ledger_transfers ADD COLUMN currency text NOT NULL DEFAULT '';
ALTER TABLE ledger_transfers ADD COLUMN accounts text[] NOT NULL DEFAULT '{}';
ALTER TABLE ledger_transfers ADD COLUMN amounts_minor bigint[] NOT NULL DEFAULT '{}';
UPDATE ledger_transfers t SET currency = e.currency, accounts = e.accounts, amounts_minor = e.amounts_minor
FROM (SELECT x.bucket, x.transfer_id, min(x.currency) AS currency, array_agg(x.account ORDER BY x.position) AS accounts,
             array_agg(x.amount_minor ORDER BY x.position) AS amounts_minor
      FROM ledger_entries x GROUP BY x.bucket, x.transfer_id) e
WHERE e.bucket = t.bucket AND e.transfer_id = t.transfer_id;
ALTER TABLE ledger_transfers ALTER COLUMN currency DROP DEFAULT;
ALTER TABLE ledger_transfers ALTER COLUMN accounts DROP DEFAULT;
ALTER TABLE ledger_transfers ALTER COLUMN amounts_minor DROP DEFAULT;
ALTER TABLE ledger_transfers ADD CHECK (cardinality(accounts) = cardinality(amounts_minor));
DROP TABLE ledger_entries;
CREATE VIEW ledger_entries AS
SELECT t.bucket, t.transfer_id, (e.number - 1)::int AS position, t.renter_id, e.account, t.currency, e.amount_minor
FROM ledger_transfers t
CROSS JOIN LATERAL unnest(t.accounts, t.amounts_minor) WITH ORDINALITY AS e (account, amount_minor, number);
