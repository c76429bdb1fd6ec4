-- GET /api/insights/activity: steps of {minutes} minutes with any event.
SELECT
    toDateTime(intDiv(toUnixTimestamp(recorded_at), 60 * {minutes:UInt32})
        * 60 * {minutes:UInt32}, 'UTC') AS at,
    count() AS total,
    sumMap(map(toString(type), toUInt64(1))) AS events
FROM cartlog.events FINAL
GROUP BY at
ORDER BY at
