-- GET /api/insights/funnel. Percentiles by nearest rank: a time that one of the carts took.
WITH arraySort(groupArrayIf(dateDiff('millisecond', c.opened_at, c.changed_at),
    c.status = 'checked_out')) AS times
SELECT
    count() AS opened,
    countIf(c.was_filled) AS filled,
    countIf(c.status = 'checked_out') AS checked_out,
    countIf(c.status = 'expired') AS expired,
    countIf(c.status = 'open'
        AND c.changed_at <= parseDateTime64BestEffort({idle_since:String}, 3, 'UTC')) AS idle,
    if(opened = 0, NULL, checked_out / opened) AS conversion,
    if(empty(times), NULL, times[intDiv(length(times) * 50 + 99, 100)]) AS median_ms,
    if(empty(times), NULL, times[intDiv(length(times) * 90 + 99, 100)]) AS p90_ms
FROM cartlog.carts_now AS c
