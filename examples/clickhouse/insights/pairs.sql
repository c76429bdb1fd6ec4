-- GET /api/insights/pairs: products bought together. The rarer one of a pair comes first.
WITH
    bought AS
    (
        SELECT cart, line.sku AS sku
        FROM cartlog.carts_now
        ARRAY JOIN lines AS line
        WHERE status = 'checked_out'
    ),
    products AS (SELECT sku, count() AS carts FROM bought GROUP BY sku),
    together AS
    (
        SELECT one.sku AS sku, two.sku AS partner, count() AS carts
        FROM bought AS one
        INNER JOIN bought AS two ON one.cart = two.cart
        WHERE one.sku != two.sku
        GROUP BY one.sku, two.sku
    ),
    (SELECT uniqExact(cart) FROM bought) AS checked_out
SELECT
    together.sku AS sku,
    together.partner AS with,
    together.carts AS carts,
    together.carts / checked_out AS support,
    together.carts / first.carts AS confidence,
    confidence / (second.carts / checked_out) AS lift
FROM together
INNER JOIN products AS first ON together.sku = first.sku
INNER JOIN products AS second ON together.partner = second.sku
WHERE (first.carts, first.sku) < (second.carts, second.sku)
ORDER BY carts DESC, sku, with
LIMIT 50
