/*
title = "One row, to measure the first byte"
*/
SELECT 1 AS one
