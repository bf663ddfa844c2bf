-- name: insert_member
-- A new member; no row when the partner is unknown or the login is taken there.
INSERT INTO staff (staff_id, partner_id, role, state, login_index, wrapped_key, sealed, key_version, password_hash, totp_step,
                   invitation_hash, invitation_until, invited_at)
SELECT $1, p.partner_id, $3, 'INVITED', $4, $5, $6, $7, '', 0, $8, $9, $10 FROM partners p WHERE p.partner_id = $2
ON CONFLICT (partner_id, login_index) WHERE state <> 'REMOVED' DO NOTHING
RETURNING staff_id;

-- name: read_member
-- One member.
SELECT staff_id, partner_id, role, state, wrapped_key, sealed, key_version, password_hash, totp_step, invitation_hash,
       invitation_until, invited_at
FROM staff WHERE staff_id = $1;

-- name: find_member
-- The member with a login at a partner.
SELECT staff_id, partner_id, role, state, wrapped_key, sealed, key_version, password_hash, totp_step, invitation_hash,
       invitation_until, invited_at
FROM staff WHERE partner_id = $1 AND login_index = $2 AND state <> 'REMOVED';

-- name: lock_members
-- A member and the owners of their partner who can log in, locked in their order.
SELECT s.staff_id, s.partner_id, s.role, s.state, s.wrapped_key, s.sealed, s.key_version, s.password_hash, s.totp_step,
       s.invitation_hash, s.invitation_until, s.invited_at
FROM staff s
WHERE s.partner_id = (SELECT m.partner_id FROM staff m WHERE m.staff_id = $1)
  AND (s.staff_id = $1 OR (s.role = 'OWNER' AND s.state = 'ACTIVE'))
ORDER BY s.staff_id FOR UPDATE OF s;

-- name: save_member
-- Writes a member that is locked; of one that is removed the login goes too.
UPDATE staff
SET role = $2, state = $3, wrapped_key = $4, sealed = $5, key_version = $6, password_hash = $7, totp_step = $8,
    invitation_hash = $9, invitation_until = $10, login_index = CASE WHEN $3 = 'REMOVED' THEN '' ELSE login_index END
WHERE staff_id = $1;

-- name: list_members
-- A partner's staff before a given one, newest first.
SELECT staff_id, partner_id, role, state, wrapped_key, sealed, key_version, password_hash, totp_step, invitation_hash,
       invitation_until, invited_at
FROM staff WHERE partner_id = $1 AND ($2 = '' OR staff_id < $2)
ORDER BY staff_id DESC LIMIT $3;

-- name: insert_staff_session
-- A new session, by the keyed hash of its token.
INSERT INTO staff_sessions (session_id, staff_id, token_hash, begun_at, expires_at) VALUES ($1, $2, $3, $4, $5);

-- name: end_staff_session
-- Ends one session of somebody.
UPDATE staff_sessions SET ended_at = $3 WHERE session_id = $1 AND staff_id = $2 AND ended_at IS NULL;

-- name: end_staff_sessions
-- Ends every session of somebody.
UPDATE staff_sessions SET ended_at = $2 WHERE staff_id = $1 AND ended_at IS NULL;

-- name: resolve_staff_sessions
-- Whose session each hash is, in order; ended and expired ones are nobody's.
SELECT i.ordinal, n.session_id, s.staff_id, s.partner_id, s.role, n.expires_at
FROM unnest($1::bytea[]) WITH ORDINALITY AS i (token_hash, ordinal)
LEFT JOIN staff_sessions n ON n.token_hash = i.token_hash AND n.ended_at IS NULL AND n.expires_at > $2
LEFT JOIN staff s ON s.staff_id = n.staff_id AND s.state = 'ACTIVE'
ORDER BY i.ordinal;

-- name: staff_sessions_ended_since
-- Sessions that ended since a real moment.
SELECT session_id FROM staff_sessions WHERE ended_at > $1;

-- name: lock_tries
-- How often a login was tried, locked; a row is made where there is none, because nothing else could be locked.
INSERT INTO staff_tries AS t (partner_id, login_index, tries, window_ends, locks, locked_until)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (partner_id, login_index) DO UPDATE SET tries = t.tries
RETURNING t.tries AS count, t.window_ends, t.locks, t.locked_until;

-- name: save_tries
-- How often a login was tried.
UPDATE staff_tries SET tries = $3, window_ends = $4, locks = $5, locked_until = $6
WHERE partner_id = $1 AND login_index = $2;

-- name: forget_tries
-- A login that was right.
DELETE FROM staff_tries WHERE partner_id = $1 AND login_index = $2;

-- name: forget_calm_logins
-- Logins that nobody has tried since a moment.
DELETE FROM staff_tries WHERE window_ends <= $1;

-- name: forget_staff_sessions
-- Sessions that were over before a moment.
DELETE FROM staff_sessions WHERE expires_at <= $1;
