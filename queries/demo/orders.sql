/*
title = "Orders"
description = "One row per order line, in the order of placement."

[parameters.since]
type = "date"
default = "2024-01-01"
description = "Orders placed on or after this day (UTC)"

[parameters.until]
type = "date"
nullable = true
description = "Orders placed before this day (UTC); without it, all later ones"

[parameters.status]
type = "text[]"
nullable = true
choices = ["placed", "paid", "shipped", "delivered", "returned", "cancelled"]
description = "Only orders in one of these states; repeat the parameter for several"
*/
SELECT
    l.order_id,
    l.line,
    l.placed_on,
    l.placed_at,
    l.status,
    l.customer_id,
    p.sku,
    p.name AS product,
    l.quantity,
    l.unit_price,
    l.discount,
    l.note
FROM shop.order_lines AS l
    JOIN shop.products AS p ON p.id = l.product_id
WHERE l.placed_on >= :since
    AND (:until IS NULL OR l.placed_on < :until)
    AND (:status IS NULL OR l.status::text = ANY (:status))
ORDER BY l.order_id, l.line
