-- GET /api/insights/products.
SELECT * FROM cartlog.product_numbers ORDER BY sku, currency
