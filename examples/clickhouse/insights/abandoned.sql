-- GET /api/insights/abandoned: open carts that are idle, longest first, to the hour. As in cartlog,
-- carts of one hour come by their id; ClickHouse sorts UUIDs by their second half.
SELECT
    cart AS cart_id,
    version,
    currency,
    total,
    opened_at,
    changed_at AS idle_since,
    last_event,
    taken_out_last
FROM cartlog.carts_now
WHERE status = 'open'
    AND changed_at <= parseDateTime64BestEffort({idle_since:String}, 3, 'UTC')
ORDER BY toStartOfHour(idle_since), toString(cart_id)
