/*
title = "As many rows as are wanted, up to ten times lineitem"

[parameters.rows]
type = "bigint"
min = 1
*/
SELECT * FROM (
    SELECT * FROM public.lineitem UNION ALL
    SELECT * FROM public.lineitem UNION ALL
    SELECT * FROM public.lineitem UNION ALL
    SELECT * FROM public.lineitem UNION ALL
    SELECT * FROM public.lineitem UNION ALL
    SELECT * FROM public.lineitem UNION ALL
    SELECT * FROM public.lineitem UNION ALL
    SELECT * FROM public.lineitem UNION ALL
    SELECT * FROM public.lineitem UNION ALL
    SELECT * FROM public.lineitem
) l
LIMIT :rows
