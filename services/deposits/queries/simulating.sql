-- name: past_decisions
-- A partner's decisions that a draft would have made, of each person the latest, by cells of ten points of the score; in the
-- row without a cell those that the score did not decide. A policy of a narrower scope than the draft's would still decide
-- its own. Ids sort by when they were made.
SELECT i.low, count(*) AS decisions, count(*) FILTER (WHERE i.waived) AS waived,
       coalesce(sum(i.amount_minor) FILTER (WHERE NOT i.waived), 0)::bigint AS deposits_minor,
       count(*) FILTER (WHERE i.ended) AS ended,
       coalesce(sum(i.lost_minor) FILTER (WHERE i.ended), 0)::bigint AS lost_minor,
       coalesce(sum(i.lost_minor::numeric * i.lost_minor) FILTER (WHERE i.ended), 0)::bigint AS lost_squared,
       count(*) FILTER (WHERE i.ended AND i.lost_minor > 0) AS losers,
       avg(i.monthly_rent_minor)::bigint AS rent_minor
FROM (
    SELECT DISTINCT ON (d.renter_id)
           CASE WHEN d.score IS NOT NULL AND NOT d.reason_codes && $8 THEN (d.score - 1) / 10 * 10 END AS low,
           d.outcome = 'ADMITTED' AND NOT d.reason_codes && $8 AS waived, d.amount_minor, d.monthly_rent_minor,
           d.outcome = 'ADMITTED' AND NOT d.reason_codes && $8 AND d.state = 'CLOSED' AS ended,
           CASE WHEN d.payment_status IN ('DUE', 'FAILED', 'WRITTEN_OFF') THEN d.charged_minor - d.paid_minor ELSE 0 END
               AS lost_minor
    FROM deposits d JOIN policies p ON p.partner_id = d.partner_id AND p.policy_id = d.policy_id
    WHERE d.partner_id = $1 AND p.asset_kind = $2 AND d.currency = $3 AND d.decided_at >= $4 AND d.decided_at < $5
      AND $6 IN ('', d.asset_class) AND $7 IN ('', d.city) AND p.asset_class IN ('', $6) AND p.city IN ('', $7)
    ORDER BY d.renter_id, d.deposit_id DESC
) i
GROUP BY i.low;
