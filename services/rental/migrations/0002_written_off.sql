-- What is owed may be given up; paying it all the same cures the record.
ALTER TABLE rentals DROP CONSTRAINT rentals_payment_status_check;
ALTER TABLE rentals ADD CONSTRAINT rentals_payment_status_check
    CHECK (payment_status IN ('NONE', 'DUE', 'IN_PROGRESS', 'PAID', 'FAILED', 'WRITTEN_OFF'));
