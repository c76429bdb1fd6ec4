-- The tempting view: running sums for each cart, to which each insert is added as it arrives. It
-- is current at once and cheap, and right only as long as each event arrives exactly once:
-- trap.py shows what becomes of it otherwise.

CREATE TABLE IF NOT EXISTS cartlog.cart_sums
(
    cart        UUID,
    events      UInt64,
    units       Int64,
    items_total Int64
)
ENGINE = SummingMergeTree
ORDER BY cart;

CREATE MATERIALIZED VIEW IF NOT EXISTS cartlog.cart_sums_as_they_arrive TO cartlog.cart_sums
AS SELECT
    stream AS cart,
    count() AS events,
    sum(units) AS units,
    sum(amount) AS items_total
FROM cartlog.events
WHERE NOT startsWith(type, 'Order')
GROUP BY cart;
