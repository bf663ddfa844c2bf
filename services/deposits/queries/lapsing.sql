-- name: lapsing_holds
-- Holds whose end is near and was not announced, or has come, or of which a processor has sent notice.
SELECT h.hold_id, h.deposit_id, h.processor, h.reference, h.authorized_minor, h.captured_minor, h.released_minor,
       h.expired_minor, h.open_minor, h.credit_minor, h.expires_at, h.announced OR h.look_at IS NOT NULL AS announced
FROM holds h
WHERE h.open_minor > 0
  AND ((h.expires_at <= $1 AND NOT h.announced) OR (h.expires_at <= $2 AND coalesce(h.look_at, $2) <= $2)
       OR h.look_at <= $2)
ORDER BY h.expires_at LIMIT $3;

-- name: looked_at
-- When a hold is looked at again; never, unless there is a reason.
UPDATE holds SET look_at = $3 WHERE bucket = $1 AND hold_id = $2;

-- name: refund_queue
-- Money that is to go back, or whose last capture gives it back, and since when (real time) the oldest waits. A capture
-- that waits for the renter to pay (WeChat collects after the fact) keeps nobody's money.
SELECT count(*) AS waiting, min(o.created_at) AS oldest FROM processor_operations o
WHERE o.state = 'WANTED' AND o.kind IN ('VOID', 'CAPTURE') AND NOT o.given_up AND o.renter_action = '';
