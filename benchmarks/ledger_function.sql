-- What pgbench calls: a whole two-phase hold in one call, with the balances of the renter and of the partner.
CREATE TABLE partner_balances (
    partner_id    text   NOT NULL,
    account       text   NOT NULL,
    currency      text   NOT NULL,
    balance_minor bigint NOT NULL,
    PRIMARY KEY (partner_id, account, currency)
) WITH (fillfactor = 50);

CREATE FUNCTION book(
    the_bucket int, the_transfer text, the_deposit text, the_renter text, the_partner text, the_kind text,
    accounts text[], amounts bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ledger_transfers (bucket, transfer_id, deposit_id, renter_id, partner_id, kind, occurred_at, booked_on,
                                  link, link_hash)
    VALUES (the_bucket, the_transfer, the_deposit, the_renter, the_partner, the_kind, now(), now()::date, 0, '');
    INSERT INTO ledger_entries (bucket, transfer_id, position, renter_id, account, currency, amount_minor)
    SELECT the_bucket, the_transfer, e.position - 1, the_renter, e.account, 'CNY', e.amount_minor
    FROM unnest(accounts, amounts) WITH ORDINALITY AS e (account, amount_minor, position);
    INSERT INTO ledger_balances AS b (bucket, renter_id, account, currency, balance_minor)
    SELECT the_bucket, the_renter, e.account, 'CNY', e.amount_minor FROM unnest(accounts, amounts) AS e (account, amount_minor)
    ORDER BY e.account
    ON CONFLICT (bucket, renter_id, account, currency) DO UPDATE SET balance_minor = b.balance_minor + excluded.balance_minor;
    INSERT INTO partner_balances AS b (partner_id, account, currency, balance_minor)
    SELECT the_partner, e.account, 'CNY', e.amount_minor FROM unnest(accounts, amounts) AS e (account, amount_minor)
    ORDER BY e.account
    ON CONFLICT (partner_id, account, currency) DO UPDATE SET balance_minor = b.balance_minor + excluded.balance_minor;
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
    UPDATE deposits SET state = 'HELD', authorized_minor = 9900, open_minor = 9900
    WHERE bucket = the_bucket AND deposit_id = the_deposit;
    PERFORM book(the_bucket, 'tfa_' || fresh, the_deposit, the_renter, the_partner, 'AUTHORIZED',
                 ARRAY['deposits_held', 'processor_authorized'], ARRAY[-9900, 9900]);

    UPDATE deposits SET charged_minor = 350, settled_at = now(), payment_status = 'IN_PROGRESS'
    WHERE bucket = the_bucket AND deposit_id = the_deposit;
    INSERT INTO processor_operations (bucket, operation_id, deposit_id, kind, amount_minor, currency, reference, state,
                                      created_at, lease_until, hold_id)
    VALUES (the_bucket, the_capture, the_deposit, 'CAPTURE', 350, 'CNY', 'auth_' || the_hold, 'WANTED', now(), now(),
            the_hold);
    PERFORM book(the_bucket, 'tfb_' || fresh, the_deposit, the_renter, the_partner, 'CHARGED',
                 ARRAY['partner_payable', 'renter_receivable'], ARRAY[-350, 350]);

    UPDATE processor_operations SET state = 'DONE', result_ref = 'cap_' || the_capture
    WHERE bucket = the_bucket AND operation_id = the_capture;
    UPDATE holds SET captured_minor = 350, released_minor = 9550, open_minor = 0
    WHERE bucket = the_bucket AND hold_id = the_hold;
    UPDATE deposits
    SET state = 'CLOSED', captured_minor = 350, released_minor = 9550, open_minor = 0, paid_minor = 350,
        payment_status = 'PAID', closed_at = now()
    WHERE bucket = the_bucket AND deposit_id = the_deposit;
    PERFORM book(the_bucket, 'tfc_' || fresh, the_deposit, the_renter, the_partner, 'CAPTURED',
                 ARRAY['deposits_held', 'processor_authorized', 'processor_receivable', 'renter_receivable'],
                 ARRAY[350, -350, 350, -350]);
    PERFORM book(the_bucket, 'tfd_' || fresh, the_deposit, the_renter, the_partner, 'RELEASED',
                 ARRAY['deposits_held', 'processor_authorized'], ARRAY[9550, -9550]);
    INSERT INTO outbox (bucket, event_id, destination, kind, renter_id, payload, created_at, lease_until, attempts)
    VALUES (the_bucket, 'evt_' || fresh, 'rental', 'DEPOSIT_CHANGED', the_renter, '{"payment_status": "PAID"}', now(),
            now(), 0);
END $$;
