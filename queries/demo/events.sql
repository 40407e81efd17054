/*
title = "Events"
description = "What visitors did, one row per event, with its payload as JSON."

[parameters.kind]
type = "text[]"
default = ["view", "search", "basket", "purchase"]
choices = ["view", "search", "basket", "purchase"]
description = "Only events of these kinds; repeat the parameter for several"

[parameters.since]
type = "timestamptz"
default = "2023-01-01T00:00:00Z"
description = "Events at or after this moment"

[parameters.until]
type = "timestamptz"
nullable = true
description = "Events before this moment; without it, all later ones"

[parameters.visit]
type = "uuid"
nullable = true
description = "Only the events of this visit"
*/
SELECT id, visit, occurred_at, kind, address, signed_in, product_ids, labels, referrer, payload
FROM shop.events
WHERE kind = ANY (:kind)
    AND occurred_at >= :since
    AND (:until IS NULL OR occurred_at < :until)
    AND (:visit IS NULL OR visit = :visit)
ORDER BY occurred_at, id
