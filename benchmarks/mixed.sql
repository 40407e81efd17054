-- Every kind of value that a wide table of an application has; no two runs differ. `rows` is given by psql.
CREATE TABLE public.mixed (
    id bigint NOT NULL,
    account uuid NOT NULL,
    created timestamptz NOT NULL,
    updated timestamptz,
    local_time timestamp NOT NULL,
    day date NOT NULL,
    clock time NOT NULL,
    duration interval,
    small smallint NOT NULL,
    counter integer NOT NULL,
    quantity integer,
    ratio double precision NOT NULL,
    weight real,
    active boolean NOT NULL,
    verified boolean,
    price numeric(12,2) NOT NULL,
    rate numeric(18,6),
    amount numeric NOT NULL,
    code char(8) NOT NULL,
    status varchar(20) NOT NULL,
    name text NOT NULL,
    quoted text NOT NULL,
    address text,
    comment text,
    rarely text,
    rarely_number bigint,
    document jsonb NOT NULL,
    settings jsonb,
    numbers integer[] NOT NULL,
    tags text[],
    checksum bytea NOT NULL,
    network inet
);

INSERT INTO public.mixed
SELECT
    i,
    md5(i::text)::uuid,
    '2020-01-01 00:00:00+00'::timestamptz + i * interval '61.000123 seconds',
    CASE WHEN i % 3 > 0 THEN '2021-06-01 12:00:00+00'::timestamptz + i * interval '59 seconds' END,
    '2019-03-31 23:59:59.5'::timestamp + i * interval '7 minutes',
    '2000-01-01'::date + (i % 9000)::integer,
    '00:00'::time + (i % 86400) * interval '1 second',
    CASE WHEN i % 4 > 0 THEN (i % 50) * interval '1 month' + (i % 97) * interval '1.5 hours' END,
    i % 30000 - 15000,
    i * 7919 % 1000000007,
    CASE WHEN i % 5 > 0 THEN i % 1000 END,
    sqrt(i::double precision) * CASE WHEN i % 2 = 0 THEN 1e-5 ELSE -1e8 END,
    CASE WHEN i % 6 > 0 THEN (i % 10000) / 7.0::real END,
    i % 2 = 0,
    CASE WHEN i % 3 > 0 THEN i % 7 = 0 END,
    (i % 1000000) / 100.0,
    CASE WHEN i % 4 > 0 THEN i % 999983 / 1000003.0 END,
    -- Without a modifier there is no scale that all values have.
    (i * 104729)::numeric / (10 ^ (i % 5))::numeric,
    upper(substr(md5(i::text), 1, 6)),
    (ARRAY['new', 'paid', 'shipped', 'returned'])[1 + i % 4],
    initcap(translate(substr(md5((i % 50000)::text), 1, 12), '0123456789', 'aeiouaeiou')),
    CASE i % 8
        WHEN 0 THEN 'says "' || substr(md5(i::text), 1, 8) || '", twice: ""'
        WHEN 1 THEN 'one, two, ' || i
        WHEN 2 THEN E'line one\nline two\r\nline ' || i
        WHEN 3 THEN E'C:\\folder\\' || i || E'\\'
        WHEN 4 THEN E'tab\tand bell\x07 ' || i
        WHEN 5 THEN 'Żółć, naïve ☃ 🚚 ' || i
        WHEN 6 THEN ''
        ELSE 'plain ' || i
    END,
    CASE WHEN i % 10 > 0 THEN i % 300 || ' High Street, Flat ' || i % 12 || E'\nLondon' END,
    CASE WHEN i % 2 = 0 THEN repeat('A longer remark, as people write them. ', (1 + i % 4)::integer) END,
    CASE WHEN i % 100 = 0 THEN 'rare' END,
    CASE WHEN i % 50 = 0 THEN i END,
    jsonb_build_object('id', i, 'kind', i % 5, 'text', 'a "quoted" \ value', 'list', jsonb_build_array(i % 3, null, 'é')),
    CASE WHEN i % 3 = 0 THEN jsonb_build_object('theme', 'dark', 'size', i % 20, 'nested', jsonb_build_object('on', i % 2 = 0)) END,
    ARRAY[i % 10, -i, NULL]::integer[],
    CASE WHEN i % 4 > 0 THEN ARRAY['red', 'a "b" c', NULL, 'x,y'] END,
    decode(md5(i::text), 'hex'),
    CASE WHEN i % 5 > 0 THEN '10.0.0.0'::inet + i % 65536 END
FROM generate_series(1::bigint, :rows) i;
