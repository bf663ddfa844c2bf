-- What pgbench calls: a whole two-phase hold in one call, with the balances of the renter and of the partner, and a link of
-- the renter's chain for each step that moves money. Partners' days are up to date at once, so there is nothing to roll up.
CREATE FUNCTION link(the_bucket int, the_renter text, transfers text, OUT the_link bigint, OUT the_hash bytea)
LANGUAGE plpgsql AS $$
DECLARE
    leaf bytea := sha256(sha256(convert_to(transfers, 'UTF8')) || convert_to(to_char(now(), 'YYYY-MM-DD'), 'UTF8'));
BEGIN
    INSERT INTO ledger_heads AS h (bucket, renter_id, link, hash, booked_on, rolled_link, rolled)
    VALUES (the_bucket, the_renter, 1, leaf, now()::date, 1, true)
    ON CONFLICT (bucket, renter_id) DO UPDATE
    SET link = h.link + 1, hash = sha256(h.hash || excluded.hash), booked_on = excluded.booked_on, rolled_link = h.link + 1
    RETURNING h.link, h.hash INTO the_link, the_hash;
END $$;

CREATE FUNCTION book(
    the_bucket int, the_transfer text, the_deposit text, the_renter text, the_partner text, the_kind text,
    the_link bigint, the_hash bytea, accounts text[], amounts bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_transfers (bucket, transfer_id, deposit_id, renter_id, partner_id, kind, occurred_at, booked_on,
                                  link, link_hash)
    VALUES (the_bucket, the_transfer, the_deposit, the_renter, the_partner, the_kind, now(), now()::date, the_link, the_hash);
    INSERT INTO ledger_entries (bucket, transfer_id, position, renter_id, account, currency, amount_minor)
    SELECT the_bucket, the_transfer, e.position - 1, the_renter, e.account, 'CNY', e.amount_minor
    FROM unnest(accounts, amounts) WITH ORDINALITY AS e (account, amount_minor, position);
    INSERT INTO ledger_balances AS b (bucket, renter_id, account, currency, balance_minor)
    SELECT the_bucket, the_renter, e.account, 'CNY', e.amount_minor FROM unnest(accounts, amounts) AS e (account, amount_minor)
    ORDER BY e.account
    ON CONFLICT (bucket, renter_id, account, currency) DO UPDATE SET balance_minor = b.balance_minor + excluded.balance_minor;
    INSERT INTO ledger_partner_days AS p (partner_id, day, account, currency, debits_minor, credits_minor)
    SELECT the_partner, now()::date, e.account, 'CNY', greatest(e.amount_minor, 0), greatest(-e.amount_minor, 0)
    FROM unnest(accounts, amounts) AS e (account, amount_minor)
    ORDER BY e.account
    ON CONFLICT (partner_id, day, account, currency) DO UPDATE
    SET debits_minor = p.debits_minor + excluded.debits_minor, credits_minor = p.credits_minor + excluded.credits_minor;
END $$;

CREATE FUNCTION two_phase_hold(number int, partner int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    the_bucket int := number % 1024;
    letters text := substr('0123456789abcdefghijklmnopqrstuv', (number % 1024) / 32 + 1, 1)
                    || substr('0123456789abcdefghijklmnopqrstuv', number % 32 + 1, 1);
    the_renter text := 'rnt_' || lpad(number::text, 26, '0') || letters;
    the_partner text := 'ptn_' || lpad(partner::text, 26, '0');
    fresh text := substr(replace(gen_random_uuid()::text, '-', ''), 1, 26) || letters;
    the_deposit text := 'dep_' || fresh;
    the_hold text := 'opn_' || fresh;
    the_capture text := 'opc_' || fresh;
    owner text := '|' || the_deposit || '|' || the_renter || '|' || the_partner || '|';
    moment text := '|' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '||';
    the_link bigint;
    the_hash bytea;
BEGIN
    INSERT INTO deposits (bucket, deposit_id, rental_id, renter_id, partner_id, state, outcome, reason_codes, policy_id,
                          model_version, score, currency, amount_minor, payment_ref, decided_at, compensation_limit_minor)
    VALUES (the_bucket, the_deposit, 'rtl_' || fresh, the_renter, the_partner, 'PENDING', 'NOT_ADMITTED',
            '{SHORT_HISTORY}', 'pol_1', 'general-1', 500, 'CNY', 9900, 'pm_1', now(), 9900);
    INSERT INTO processor_operations (bucket, operation_id, deposit_id, kind, amount_minor, currency, reference, state,
                                      created_at, lease_until, hold_id)
    VALUES (the_bucket, the_hold, the_deposit, 'AUTHORIZE', 9900, 'CNY', 'pm_1', 'WANTED', now(), now(), the_hold);

    UPDATE processor_operations SET state = 'DONE', result_ref = 'auth_' || the_hold
    WHERE bucket = the_bucket AND operation_id = the_hold;
    INSERT INTO holds (bucket, hold_id, deposit_id, renter_id, processor, reference, authorized_minor, captured_minor,
                       released_minor, expired_minor, open_minor, expires_at)
    VALUES (the_bucket, the_hold, the_deposit, the_renter, 'sandbox', 'auth_' || the_hold, 9900, 0, 0, 0, 9900,
            now() + interval '7 days');
    UPDATE deposits SET state = 'HELD', version = version + 1, authorized_minor = 9900, open_minor = 9900
    WHERE bucket = the_bucket AND deposit_id = the_deposit;
    SELECT l.the_link, l.the_hash INTO the_link, the_hash FROM link(
        the_bucket, the_renter,
        'tfa_' || fresh || owner || 'AUTHORIZED' || moment || '0:processor_authorized:CNY:9900|1:deposits_held:CNY:-9900') l;
    PERFORM book(the_bucket, 'tfa_' || fresh, the_deposit, the_renter, the_partner, 'AUTHORIZED', the_link, the_hash,
                 ARRAY['processor_authorized', 'deposits_held'], ARRAY[9900, -9900]);

    UPDATE deposits SET charged_minor = 350, version = version + 1, settled_at = now(), payment_status = 'IN_PROGRESS'
    WHERE bucket = the_bucket AND deposit_id = the_deposit;
    INSERT INTO processor_operations (bucket, operation_id, deposit_id, kind, amount_minor, currency, reference, state,
                                      created_at, lease_until, hold_id)
    VALUES (the_bucket, the_capture, the_deposit, 'CAPTURE', 350, 'CNY', 'auth_' || the_hold, 'WANTED', now(), now(),
            the_hold);
    SELECT l.the_link, l.the_hash INTO the_link, the_hash FROM link(
        the_bucket, the_renter,
        'tfb_' || fresh || owner || 'CHARGED' || moment || '0:renter_receivable:CNY:350|1:partner_payable:CNY:-350') l;
    PERFORM book(the_bucket, 'tfb_' || fresh, the_deposit, the_renter, the_partner, 'CHARGED', the_link, the_hash,
                 ARRAY['renter_receivable', 'partner_payable'], ARRAY[350, -350]);

    UPDATE processor_operations SET state = 'DONE', result_ref = 'cap_' || the_capture
    WHERE bucket = the_bucket AND operation_id = the_capture;
    UPDATE holds SET captured_minor = 350, released_minor = 9550, open_minor = 0
    WHERE bucket = the_bucket AND hold_id = the_hold;
    UPDATE deposits
    SET state = 'CLOSED', version = version + 1, captured_minor = 350, released_minor = 9550, open_minor = 0, paid_minor = 350,
        payment_status = 'PAID', closed_at = now()
    WHERE bucket = the_bucket AND deposit_id = the_deposit;
    SELECT l.the_link, l.the_hash INTO the_link, the_hash FROM link(
        the_bucket, the_renter,
        'tfc_' || fresh || owner || 'CAPTURED' || moment
        || '0:deposits_held:CNY:350|1:processor_authorized:CNY:-350|2:processor_receivable:CNY:350|3:renter_receivable:CNY:-350'
        || E'\ntfd_' || fresh || owner || 'RELEASED' || moment || '0:deposits_held:CNY:9550|1:processor_authorized:CNY:-9550') l;
    PERFORM book(the_bucket, 'tfc_' || fresh, the_deposit, the_renter, the_partner, 'CAPTURED', the_link, the_hash,
                 ARRAY['deposits_held', 'processor_authorized', 'processor_receivable', 'renter_receivable'],
                 ARRAY[350, -350, 350, -350]);
    PERFORM book(the_bucket, 'tfd_' || fresh, the_deposit, the_renter, the_partner, 'RELEASED', the_link, the_hash,
                 ARRAY['deposits_held', 'processor_authorized'], ARRAY[9550, -9550]);
    INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
    VALUES (the_bucket, 'evt_' || fresh, 'rental', 'DEPOSIT_CHANGED', the_renter, '{"payment_status": "PAID"}', now(),
            now(), 0);
END $$;
