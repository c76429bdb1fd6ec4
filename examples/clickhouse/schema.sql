-- The log of cartlog in ClickHouse, and the carts folded from it. load.py runs this file; it
-- changes nothing that exists already.

CREATE DATABASE IF NOT EXISTS cartlog;

-- One row for each event. A loader that cannot know whether an insert arrived has to send it again,
-- so rows may arrive twice. The position names the event: of the rows with the same position, merges
-- keep one, and FINAL does so until they have.
CREATE TABLE IF NOT EXISTS cartlog.events
(
    position       UInt64,
    stream         UUID COMMENT 'the cart, or the order',
    version        UInt64 COMMENT 'of the stream, after this event',
    type           LowCardinality(String),
    schema         UInt16 COMMENT 'schema version of data',
    recorded_at    DateTime64(3, 'UTC'),
    command        LowCardinality(String),
    command_id     UUID,
    actor          LowCardinality(String),
    correlation_id UUID,
    hash           String COMMENT 'of the hash chain of the stream',
    data           String CODEC(ZSTD),
    sku            LowCardinality(String) MATERIALIZED JSONExtractString(data, 'sku'),
    units          Int64 MATERIALIZED multiIf(type = 'ItemAdded', 1, type = 'ItemRemoved', -1, 0)
                       * JSONExtractInt(data, 'quantity'),
    amount         Int64 MATERIALIZED units * JSONExtractInt(data, 'unit_price')
)
ENGINE = ReplacingMergeTree
ORDER BY position;

-- The carts as of now: a fold of each stream. Only additions and removals change a line, so a line
-- is a plain sum over its events.
CREATE VIEW IF NOT EXISTS cartlog.carts_now AS
SELECT
    e.stream AS cart,
    max(e.version) AS version,
    multiIf(countIf(e.type = 'CartCheckedOut') > 0, 'checked_out',
            countIf(e.type = 'CartExpired') > 0, 'expired', 'open') AS status,
    anyIf(JSONExtractString(e.data, 'currency'), e.type = 'CartOpened') AS currency,
    sumMapIf([toString(e.sku)], [e.units], [e.amount], e.sku != '') AS sums,
    arrayMap((sku, quantity, total) -> CAST((sku, quantity, total),
        'Tuple(sku String, quantity Int64, total Int64)'), sums.1, sums.2, sums.3) AS lines,
    countIf(e.type = 'ItemAdded') > 0 AS was_filled,
    argMaxIf(if(e.type = 'PromotionApplied', e.data, ''), e.version,
        e.type IN ('PromotionApplied', 'PromotionRemoved')) AS terms,
    JSONExtractString(terms, 'code') AS promotion,
    sum(e.amount) AS items_total,
    -- In minor units; half of one rounds up, and no total is below zero.
    least(items_total, if(JSONHas(terms, 'percent'),
        intDiv(items_total * JSONExtractInt(terms, 'percent') + 50, 100),
        JSONExtractInt(terms, 'amount'))) AS discount,
    items_total - discount AS total,
    argMaxIf(toString(e.sku), e.version, e.type = 'ItemRemoved') AS taken_out_last,
    minIf(e.recorded_at, e.type = 'CartOpened') AS opened_at,
    argMax(e.recorded_at, e.version) AS changed_at,
    argMax(e.type, e.version) AS last_event
FROM cartlog.events AS e FINAL
WHERE NOT startsWith(e.type, 'Order')
GROUP BY e.stream;

-- The same as a table, folded again every ten seconds and replaced as a whole.
CREATE MATERIALIZED VIEW IF NOT EXISTS cartlog.carts
REFRESH EVERY 10 SECOND
ENGINE = MergeTree
ORDER BY cart
AS SELECT * EXCEPT (sums, terms) FROM cartlog.carts_now;

-- Each product over all carts of one currency.
CREATE VIEW IF NOT EXISTS cartlog.product_numbers AS
WITH changes AS
(
    SELECT
        stream, sku, type, units, position,
        JSONExtractString(data, 'name') AS product,
        row_number() OVER line AS nth,
        sum(units) OVER line AS held,
        sum(amount) OVER line AS held_amount,
        count() OVER (PARTITION BY stream, sku) AS of
    FROM cartlog.events FINAL
    WHERE type IN ('ItemAdded', 'ItemRemoved')
    WINDOW line AS (PARTITION BY stream, sku ORDER BY version
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)
SELECT
    changes.sku AS sku,
    carts.currency AS currency,
    argMax(changes.product, changes.position) AS name,
    countIf(nth = 1) AS carts,
    sumIf(units, type = 'ItemAdded') AS units_added,
    -sumIf(units, type = 'ItemRemoved') AS units_removed,
    sumIf(held, nth = of AND carts.status = 'checked_out') AS units_bought,
    countIf(nth = of AND held > 0 AND carts.status = 'checked_out') AS carts_bought,
    sumIf(held_amount, nth = of AND carts.status = 'checked_out') AS revenue,
    countIf(type = 'ItemRemoved' AND held = 0) AS given_up,
    countIf(type = 'ItemAdded' AND held = units AND nth > 1) AS came_back
FROM changes
INNER JOIN (SELECT cart, currency, status FROM cartlog.carts_now) AS carts
    ON changes.stream = carts.cart
GROUP BY changes.sku, carts.currency;
