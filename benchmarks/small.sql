-- Numbered, so that any thousand rows are a range of the key. `rows` is given by psql.
CREATE TABLE public.small AS
SELECT row_number() OVER () AS n, l.* FROM (SELECT * FROM public.lineitem LIMIT :rows) l;

ALTER TABLE public.small ADD PRIMARY KEY (n);
