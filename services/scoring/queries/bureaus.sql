-- name: insert_bureau_link
-- A link; nothing when the bureau is linked already.
INSERT INTO bureau_links (bucket, link_id, renter_id, bureau, linked_at, ask_at, wrapped_key, sealed, key_version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (bucket, renter_id, bureau) WHERE unlinked_at IS NULL DO NOTHING
RETURNING link_id;

-- name: insert_bureau_account
-- An account that speaks for one link; nothing when it speaks for another.
INSERT INTO bureau_accounts (bucket, account_hash, link_id) VALUES ($1, $2, $3)
ON CONFLICT (bucket, account_hash) DO NOTHING
RETURNING link_id;

-- name: delete_bureau_account
-- The account is free again.
DELETE FROM bureau_accounts WHERE link_id = $1;

-- name: read_bureau_link
-- One link.
SELECT link_id, renter_id, bureau, linked_at, ask_at, unlinked_at, reported_at, answered, failures
FROM bureau_links WHERE bucket = $1 AND link_id = $2;

-- name: list_bureau_links
-- A person's links that stand, in the order of names.
SELECT link_id, renter_id, bureau, linked_at, ask_at, unlinked_at, reported_at, answered, failures
FROM bureau_links WHERE bucket = $1 AND renter_id = $2 AND unlinked_at IS NULL ORDER BY bureau;

-- name: take_due_links
-- Links that are due at $1, leased to whoever reads them until $2.
UPDATE bureau_links l SET ask_at = $2
FROM (SELECT d.bucket, d.link_id FROM bureau_links d WHERE d.ask_at <= $1 ORDER BY d.ask_at, d.link_id LIMIT $3) due
WHERE l.bucket = due.bucket AND l.link_id = due.link_id AND l.ask_at <= $1
RETURNING l.link_id, l.renter_id, l.bureau, l.linked_at, l.ask_at, l.unlinked_at, l.reported_at, l.answered,
          l.failures, l.wrapped_key, l.sealed, l.key_version;

-- name: save_bureau_answer
-- What came of asking; nothing of a link that has ended meanwhile, or stands although it had ended.
UPDATE bureau_links SET reported_at = $3, answered = $4, failures = $5, ask_at = $6
WHERE bucket = $1 AND link_id = $2 AND unlinked_at IS NOT DISTINCT FROM $7
RETURNING link_id;

-- name: end_bureau_link
-- A link stands no more, and its bureau is to be told at once.
UPDATE bureau_links SET unlinked_at = $4, ask_at = $4, failures = 0
WHERE bucket = $1 AND renter_id = $2 AND bureau = $3 AND unlinked_at IS NULL
RETURNING link_id;

-- name: drop_bureau_link
-- A link that has ended and that its bureau has forgotten.
DELETE FROM bureau_links WHERE bucket = $1 AND link_id = $2 AND unlinked_at IS NOT NULL;

-- name: list_reports
-- What a bureau said of a person and counts.
SELECT f.fact_id FROM facts f
WHERE f.bucket = $1 AND f.renter_id = $2 AND f.kind = 'OUTSIDE_SCORE' AND f.subject = $3
  AND f.superseded_at IS NULL AND f.state = 'COUNTED'
ORDER BY f.fact_id;
