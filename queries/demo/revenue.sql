/*
title = "Revenue by month"
description = "Sales of each month and category, without orders that were returned or cancelled."

[parameters.year]
type = "integer"
nullable = true
min = 2023
max = 2025
description = "Only the months of this year"

# PostgreSQL does not say how many digits a sum has; declared here, it is a decimal column in Parquet and Arrow.
[columns.revenue]
type = "decimal(18,2)"
*/
SELECT
    date_trunc('month', l.placed_on::timestamp)::date AS month,
    p.category,
    count(DISTINCT l.order_id) AS orders,
    sum(l.quantity) AS articles,
    round(sum(l.quantity * l.unit_price * (1 - l.discount)), 2) AS revenue
FROM shop.order_lines AS l
    JOIN shop.products AS p ON p.id = l.product_id
WHERE l.status NOT IN ('returned', 'cancelled')
    AND (:year IS NULL OR extract(year FROM l.placed_on) = :year)
GROUP BY 1, 2
ORDER BY 1, 2
