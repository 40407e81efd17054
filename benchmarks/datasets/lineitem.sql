/*
title = "All of lineitem"
table = "public.lineitem"
*/
