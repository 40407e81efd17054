/*
title = "Products"
description = "The articles in the catalogue, with their price and tags."

[parameters.category]
type = "text"
nullable = true
choices = ["garden", "kitchen", "music", "office"]
description = "Only the articles of this category"

[parameters.max_price]
type = "numeric"
nullable = true
min = 0
description = "Only articles that cost at most this much"

[parameters.discontinued]
type = "boolean"
default = false
description = "Whether to include articles that are no longer sold"
*/
SELECT id, sku, name, category, price, weight_kg, tags, discontinued_on
FROM shop.products
WHERE (:category IS NULL OR category = :category)
    AND (:max_price IS NULL OR price <= :max_price)
    AND (:discontinued OR discontinued_on IS NULL)
ORDER BY id
