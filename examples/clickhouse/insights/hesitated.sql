-- GET /api/insights/hesitated: products that were added and removed again.
SELECT * FROM cartlog.product_numbers
WHERE units_removed > 0
ORDER BY given_up - came_back DESC, given_up DESC, units_removed DESC, sku, currency
