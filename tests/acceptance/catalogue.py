"""The datasets that the acceptance suite serves, and the tables that they read."""

TABLES = """
DROP SCHEMA IF EXISTS acceptance CASCADE;
CREATE SCHEMA acceptance;
CREATE TABLE acceptance.items (id int8 NOT NULL, name text, price numeric(10,2), made timestamptz);
INSERT INTO acceptance.items VALUES
    (1, 'plain', 1.50, '2024-01-02 03:04:05+00'),
    (2, 'with "quotes", and a comma', NULL, NULL),
    (3, '', 0.00, '1999-12-31 23:59:59.123456+00'),
    (4, 'Zürich 東京 😀', -7.25, '2024-02-29 00:00:00+00');
CREATE TABLE acceptance.big AS
    SELECT i::int4 AS id, repeat(md5(i::text), 6) AS content FROM generate_series(1, 50000) i;
CREATE TABLE acceptance.large AS
    SELECT i::int4 AS id, repeat(md5(i::text), 10) AS content FROM generate_series(1, 300000) i;
CREATE TABLE acceptance.secret (id int8);
-- What a view reads is checked against the view's owner, so not even a superuser gets past this one.
CREATE VIEW acceptance.denied AS SELECT id FROM acceptance.secret;
ALTER VIEW acceptance.denied OWNER TO pg_monitor;
CREATE TYPE acceptance.bytes;
CREATE FUNCTION acceptance.bytes_in(cstring) RETURNS acceptance.bytes LANGUAGE internal IMMUTABLE STRICT AS 'byteain';
CREATE FUNCTION acceptance.bytes_out(acceptance.bytes) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'byteaout';
CREATE TYPE acceptance.bytes (INPUT = acceptance.bytes_in, OUTPUT = acceptance.bytes_out, LIKE = bytea);
-- What was never looked at becomes text.
CREATE CAST (acceptance.bytes AS text) WITHOUT FUNCTION;
"""

_ROWS = '[parameters.rows]\ntype = "integer"\ndefault = 3\n'
# In the select list, a set is sent row by row as it is made; in FROM it would be stored first.
_SERIES = "(SELECT generate_series(1, :rows) AS i) s"


def dataset(header: str, sql: str = "") -> str:
    """Return the text of a dataset's file."""
    return f"/*\n{header}\n*/\n{sql}\n"


DATASETS = {
    "items": dataset('title = "Items"\ndescription = "All of them."\ntable = "acceptance.items"'),
    "big": dataset('table = "acceptance.big"'),
    "large": dataset('table = "acceptance.large"'),
    "denied": dataset('table = "acceptance.denied"'),
    "absent": dataset('table = "acceptance.absent"'),
    "markup": dataset('title = "<script>alert(1)</script>"\ndescription = "a < b & \\"c\\""', "SELECT 1 AS a"),
    "series": dataset(_ROWS, f"SELECT i, md5(i::text) AS hash FROM {_SERIES}"),
    "fetched": dataset('source = "cursor"\n' + _ROWS, f"SELECT i, repeat(md5(i::text), 30) AS content FROM {_SERIES}"),
    "stream": dataset(_ROWS, f"SELECT i, repeat(md5(i::text), 30) AS content FROM {_SERIES}"),
    "empty": dataset("", "SELECT id, name, price, made FROM acceptance.items WHERE false"),
    "twins": dataset("", "SELECT 1 AS a, 2 AS a"),
    # The server holds rows back until they are 8 kB.
    "trickle": dataset(
        _ROWS, "SELECT i, repeat('.', 9000) AS dots FROM generate_series(1, :rows) i WHERE pg_sleep(0.2) IS NOT NULL"
    ),
    "sleep": dataset(
        '[parameters.seconds]\ntype = "integer"\ndefault = 60', "SELECT 1 AS a WHERE pg_sleep(:seconds) IS NOT NULL"
    ),
    "limited": dataset("statement_timeout = 0.3", "SELECT 1 AS a WHERE pg_sleep(60) IS NOT NULL"),
    "early": dataset("", "SELECT 1 / (i - 1) AS a FROM generate_series(1, 3) i"),
    "early_fetched": dataset('source = "cursor"', "SELECT 1 / (i - 1) AS a FROM generate_series(1, 3) i"),
    "late": dataset(
        '[parameters.bad]\ntype = "integer"\ndefault = 30000',
        "SELECT i, repeat(md5(i::text), 30) AS content, 1 / (:bad - i) AS a\n"
        "FROM (SELECT generate_series(1, 1000000) AS i) s",
    ),
    "infinity": dataset(
        '[parameters.bad]\ntype = "integer"\ndefault = 30000',
        "SELECT i, repeat(md5(i::text), 30) AS content, CASE WHEN i = :bad THEN timestamp 'infinity' END AS a\n"
        "FROM (SELECT generate_series(1, 60000) AS i) s",
    ),
    "invalid": dataset(
        '[parameters.bad]\ntype = "integer"\ndefault = 30000',
        "SELECT i, repeat(md5(i::text), 30) AS content,\n"
        "       CASE WHEN i = :bad THEN '\\xff'::acceptance.bytes::text END AS a\n"
        "FROM (SELECT generate_series(1, 60000) AS i) s",
    ),
    "changing": dataset(
        '[parameters.bad]\ntype = "integer"\ndefault = 30000',
        "SELECT i, repeat(md5(i::text), 30) AS content, timestamptz '2024-01-31 12:00Z' AS at,\n"
        "       CASE WHEN i = :bad THEN set_config('TimeZone', 'Asia/Tokyo', true) END AS a\n"
        "FROM (SELECT generate_series(1, :bad) AS i) s",
    ),
    "typed": dataset(
        '[parameters.day]\ntype = "date"\n[parameters.number]\ntype = "integer"\nmin = 1\ndefault = 1\n'
        '[parameters.kind]\ntype = "text"\nchoices = ["a", "b"]\ndefault = "a"\n'
        # Backtracking takes it longer than anybody waits.
        "[parameters.words]\ntype = 'text'\npattern = '(\\w+\\s?)+'\ndefault = 'a b'",
        "SELECT :day AS day, :number AS number, :kind AS kind, :words AS words",
    ),
    "echo_fetched": dataset(
        'source = "cursor"\n[parameters.word]\ntype = "text"\ndefault = "nothing"', "SELECT :word AS word"
    ),
    "echo": dataset('[parameters.word]\ntype = "text"\ndefault = "nothing"', "SELECT :word AS word"),
}
