/*
title = "A wide table of many types"
table = "public.mixed"
*/
