-- The sample data of the demo: a shop's customers, products, order lines and visits, 2023 to 2025.
-- Every value follows from the number of its row, so each load gives the same rows whatever the plan.

CREATE SCHEMA shop;

-- A whole number from 0 to sides - 1; `salt` makes the draws of one row independent of each other.
CREATE FUNCTION pg_temp.draw(seed bigint, salt bigint, sides bigint) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((hashint8extended(seed, salt) & 9223372036854775807) % sides)::int;

CREATE FUNCTION pg_temp.one_of(choices text[], seed bigint, salt bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN choices[1 + pg_temp.draw(seed, salt, cardinality(choices))];

CREATE TYPE shop.order_status AS ENUM ('placed', 'paid', 'shipped', 'delivered', 'returned', 'cancelled');


CREATE TABLE shop.customers (
    id int NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    country char(2) NOT NULL,
    city text NOT NULL,
    born date,
    newsletter boolean NOT NULL,
    credit numeric(12, 2) NOT NULL,
    registered_at timestamptz NOT NULL
);

INSERT INTO shop.customers
SELECT
    n,
    first || ' ' || last,
    translate(lower(first || '.' || last), 'áåÉéëêíıøöüçñ'' ', 'aaeeeeiiooucn') || n || '@example.com',
    (ARRAY['DE', 'DK', 'ES', 'FR', 'IE', 'JP'])[place],
    (ARRAY['Köln', 'Århus', 'A Coruña', 'Besançon', 'Dún Laoghaire', '東京'])[place],
    CASE WHEN pg_temp.draw(n, 4, 5) > 0 THEN date '1945-01-01' + pg_temp.draw(n, 5, 22000) END,
    pg_temp.draw(n, 6, 3) = 0,
    pg_temp.draw(n, 7, 100000) / 100.0 - 200,
    timestamptz '2019-01-01 00:00+00' + pg_temp.draw(n, 8, 126000000) * interval '1 second'
FROM generate_series(1, 20000) AS n,
    LATERAL (VALUES (
        pg_temp.one_of('{Ada,Björn,Chloë,Dolores,Émile,Fatima,Grace,Håkon,Inês,Jürgen,Kenji,Loïc}', n, 1),
        pg_temp.one_of('{Andersen,Brontë,Curie,"Díaz García",Fernández,Müller,"O''Brien",Sørensen,Tanaka,Yılmaz}', n, 2),
        1 + pg_temp.draw(n, 3, 6)
    )) AS person (first, last, place);


CREATE TABLE shop.products (
    id int NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    category text NOT NULL,
    price numeric(10, 2) NOT NULL,
    weight_kg double precision,
    tags text[] NOT NULL,
    discontinued_on date
);

INSERT INTO shop.products
SELECT
    n,
    upper(left(category, 3)) || '-' || lpad(n::text, 5, '0'),
    initcap(colour || ' ' || thing) || CASE WHEN pg_temp.draw(n, 4, 4) = 0 THEN ', 12" "Pro"' ELSE '' END,
    category,
    (99 + pg_temp.draw(n, 5, 40000)) / 100.0,
    CASE WHEN pg_temp.draw(n, 6, 10) > 0 THEN pg_temp.draw(n, 7, 5000) / 1000.0 END,
    (ARRAY[colour, 'new', 'fair, local', 'sale', NULL])[1:pg_temp.draw(n, 8, 6)],
    CASE WHEN pg_temp.draw(n, 9, 12) = 0 THEN date '2024-01-01' + pg_temp.draw(n, 10, 700) END
FROM generate_series(1, 1000) AS n,
    LATERAL (VALUES (
        pg_temp.one_of('{kitchen,garden,office,music}', n, 1),
        pg_temp.one_of('{red,green,blue,black,white,copper}', n, 2),
        pg_temp.one_of('{kettle,bowl,lamp,chair,notebook,spade,drum,whisk,vase,stool}', n, 3)
    )) AS article (category, colour, thing);


CREATE TABLE shop.order_lines (
    order_id int NOT NULL,
    line int NOT NULL,
    customer_id int NOT NULL,
    product_id int NOT NULL,
    quantity int NOT NULL,
    unit_price numeric(10, 2) NOT NULL,
    discount numeric(4, 2) NOT NULL,
    status shop.order_status NOT NULL,
    placed_on date NOT NULL,
    placed_at timestamptz NOT NULL,
    note text
);

INSERT INTO shop.order_lines
SELECT
    n,
    line,
    1 + pg_temp.draw(n, 1, 20000),
    product.id,
    1 + pg_temp.draw(seed, 3, 5),
    product.price,
    pg_temp.draw(seed, 4, 4) * 0.05,
    (enum_range(NULL::shop.order_status))[1 + pg_temp.draw(n, 5, 6)],
    (placed_at AT TIME ZONE 'UTC')::date,
    placed_at,
    -- Mostly NULL; the rest is what makes a careless CSV reader stumble.
    (ARRAY[
        'Leave it with Frau Müller, please',
        E'Ring twice.\nThe bell says "Dr. Ó Súilleabháin".',
        'Happy birthday! 🎂🎉',
        E'c/o Bäckerei "Zum Löwen",\r\nHinterhof, 2. Stock',
        '',
        E'C:\\gifts\\tab\there'
    ])[1 + pg_temp.draw(seed, 6, 40)]
FROM generate_series(1, 120000) AS n
    CROSS JOIN LATERAL (
        SELECT timestamptz '2023-01-01 00:00+00' + (n - 1) * interval '789 seconds'
            + pg_temp.draw(n, 7, 789000000) * interval '1 microsecond'
    ) AS moment (placed_at)
    CROSS JOIN LATERAL generate_series(1, 1 + pg_temp.draw(n, 8, 4)) AS line
    CROSS JOIN LATERAL (VALUES (n * 8::bigint + line)) AS line_seed (seed)
    JOIN shop.products AS product ON product.id = 1 + pg_temp.draw(seed, 2, 1000)
ORDER BY n, line;


CREATE TABLE shop.events (
    id bigint NOT NULL,
    visit uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    kind text NOT NULL,
    address inet NOT NULL,
    signed_in boolean,
    product_ids int[] NOT NULL,
    labels text[],
    referrer text,
    payload jsonb NOT NULL
);

INSERT INTO shop.events
SELECT
    10000000000 + n,
    md5('visit ' || n / 4)::uuid,
    timestamptz '2023-01-01 00:00+00' + n * interval '473.472 seconds',
    kind,
    CASE WHEN pg_temp.draw(n, 2, 4) = 0 THEN inet '2001:db8::' + pg_temp.draw(n, 3, 65536)
         ELSE inet '198.51.100.0' + pg_temp.draw(n, 3, 256) END,
    (ARRAY[true, false, NULL])[1 + pg_temp.draw(n / 4, 4, 3)],
    (ARRAY[1 + pg_temp.draw(n, 5, 1000), 1 + pg_temp.draw(n, 6, 1000), 1 + pg_temp.draw(n, 7, 1000)])[1:pg_temp.draw(n, 8, 4)],
    CASE WHEN pg_temp.draw(n, 9, 3) > 0 THEN (ARRAY['mobile', 'a "quoted" one', NULL, ''])[1:pg_temp.draw(n, 10, 5)] END,
    CASE WHEN pg_temp.draw(n, 11, 3) = 0 THEN 'https://example.org/?q=' || pg_temp.draw(n, 12, 1000) END,
    CASE kind
        WHEN 'search' THEN jsonb_build_object('query', 'crème brûlée "torch"', 'results', pg_temp.draw(n, 13, 80))
        WHEN 'purchase' THEN jsonb_build_object('total', (pg_temp.draw(n, 13, 90000) / 100.0)::numeric(5, 2), 'coupon', NULL)
        ELSE jsonb_build_object('ms', pg_temp.draw(n, 13, 4000), 'viewport', jsonb_build_array(1280, 720))
    END
FROM generate_series(1, 200000) AS n,
    LATERAL (VALUES (pg_temp.one_of('{view,view,view,view,search,search,basket,purchase}', n, 1))) AS event (kind);


ALTER TABLE shop.customers ADD PRIMARY KEY (id);
ALTER TABLE shop.products ADD PRIMARY KEY (id), ADD UNIQUE (sku);
ALTER TABLE shop.order_lines
    ADD PRIMARY KEY (order_id, line),
    ADD FOREIGN KEY (customer_id) REFERENCES shop.customers,
    ADD FOREIGN KEY (product_id) REFERENCES shop.products;
ALTER TABLE shop.events ADD PRIMARY KEY (id);
CREATE INDEX ON shop.order_lines (placed_on);
CREATE INDEX ON shop.events (occurred_at);

ANALYZE shop.customers, shop.products, shop.order_lines, shop.events;
