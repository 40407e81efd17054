/*
title = "Customers"
description = "Everyone who has ever registered, as the table holds them."
table = "shop.customers"
*/
