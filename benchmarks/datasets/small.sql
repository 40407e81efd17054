/*
title = "A thousand rows, from the given one on"

[parameters.first]
type = "bigint"
min = 1
*/
SELECT * FROM public.small WHERE n BETWEEN :first AND :first + 999
