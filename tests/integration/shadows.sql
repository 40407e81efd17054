-- All that an ordinary role can make in a schema of its own, `traps`, that could be taken for something of the server's:
-- every function, operator, type and relation of pg_catalog by the same name and for the same arguments, operators for
-- pairs of types that pg_catalog has none for, and casts. Whichever is called says so in the server's log, and fails.
SET search_path = pg_catalog;
SET check_function_bodies = off;

CREATE FUNCTION traps.called(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS
$$ BEGIN RAISE LOG 'shadow: %', what; RAISE EXCEPTION 'shadow: %', what; END $$;

CREATE PROCEDURE traps.attempt(statement text) LANGUAGE plpgsql AS
$$ BEGIN EXECUTE statement; EXCEPTION WHEN OTHERS THEN NULL; END $$;

-- Functions; a variadic "any" is no type for PL/pgSQL.
DO $do$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT proname, prorettype::regtype AS result, CASE WHEN proretset THEN 'SETOF ' ELSE '' END AS set,
               (SELECT coalesce(string_agg(type::regtype::text, ', ' ORDER BY place), '')
                FROM unnest(proargtypes) WITH ORDINALITY AS argument (type, place)) AS arguments
        FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
    LOOP
        CALL traps.attempt(format(
            'CREATE FUNCTION traps.%I(%s) RETURNS %s%s LANGUAGE plpgsql IMMUTABLE AS %L', found.proname,
            found.arguments, found.set, found.result, format('BEGIN PERFORM traps.called(%L); END', found.proname)));
    END LOOP;
    FOR found IN
        SELECT name, arguments
        FROM unnest(ARRAY['format', 'concat', 'to_json']) AS name,
             unnest(ARRAY['text, text', 'text, anyelement', 'anyelement', 'VARIADIC text[]']) AS arguments
    LOOP
        CALL traps.attempt(format(
            'CREATE FUNCTION traps.%I(%s) RETURNS text LANGUAGE plpgsql IMMUTABLE AS %L', found.name,
            found.arguments, format('BEGIN PERFORM traps.called(%L); END', found.name)));
    END LOOP;
END $do$;

-- Operators: those of pg_catalog, then every pair of these types.
CREATE TYPE traps.mood AS ENUM ('sad', '=happy');

DO $do$
DECLARE
    found record;
    types text[] := ARRAY[
        'int2', 'int4', 'int8', 'numeric', 'float8', 'text', 'name', '"char"', 'oid', 'regtype', 'regclass', 'tid',
        'date', 'timestamp', 'timestamptz', 'interval', 'bytea', 'bool', 'oid[]', 'int8[]', 'bytea[]',
        'shop.whole', 'shop.moment', 'traps.mood'];
BEGIN
    FOR found IN
        SELECT oprname AS name, oprresult::regtype AS result,
               CASE WHEN oprleft <> 0 THEN oprleft::regtype::text END AS left, oprright::regtype::text AS right,
               'operator_' || oid AS function
        FROM pg_operator WHERE oprnamespace = 'pg_catalog'::regnamespace
        UNION ALL
        SELECT name, CASE WHEN name ~ '[=<>~]' THEN 'boolean' ELSE l END::regtype, l, r,
               format('pair_%s', row_number() OVER ())
        FROM unnest(ARRAY['=', '<>', '<', '>', '<=', '>=', '~~', '||', '+', '-', '*', '/']) AS name,
             unnest(types) AS l, unnest(types) AS r
    LOOP
        CALL traps.attempt(format(
            'CREATE FUNCTION traps.%1$s(%2$s) RETURNS %3$s LANGUAGE plpgsql IMMUTABLE AS %4$L;
             CREATE OPERATOR traps.%5$s (FUNCTION = traps.%1$s, %6$s RIGHTARG = %7$s)',
            found.function, concat_ws(', ', found.left, found.right), found.result,
            format('BEGIN PERFORM traps.called(%L); END', format('%s %s %s', found.left, found.name, found.right)),
            found.name, 'LEFTARG = ' || found.left || ',', found.right));
    END LOOP;
END $do$;

-- Casts of a type of its own, from and to what the service's statements have.
DO $do$
DECLARE type text;
BEGIN
    FOREACH type IN ARRAY ARRAY['text', 'int4', 'int8', 'oid', 'bytea', 'timestamptz', 'name'] LOOP
        EXECUTE format(
            'CREATE FUNCTION traps.cast_%1$s(traps.mood) RETURNS %1$s LANGUAGE plpgsql IMMUTABLE AS %2$L;
             CREATE CAST (traps.mood AS %1$s) WITH FUNCTION traps.cast_%1$s AS IMPLICIT;
             CREATE FUNCTION traps.mood_of(%1$s) RETURNS traps.mood LANGUAGE plpgsql IMMUTABLE AS %2$L;
             CREATE CAST (%1$s AS traps.mood) WITH FUNCTION traps.mood_of(%1$s) AS IMPLICIT',
            type, format('BEGIN PERFORM traps.called(%L); END', 'cast of ' || type));
    END LOOP;
END $do$;

-- Types and relations.
DO $do$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT typname AS name FROM pg_type
        WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm') AND typname NOT LIKE '\_%'
    LOOP
        CALL traps.attempt(format('CREATE DOMAIN traps.%I AS pg_catalog.%1$I CHECK (traps.called(%L))',
                                  found.name, 'type ' || found.name));
    END LOOP;
    FOR found IN
        SELECT relname AS name FROM pg_class
        WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
    LOOP
        CALL traps.attempt(format('CREATE VIEW traps.%I AS SELECT * FROM pg_catalog.%1$I WHERE traps.called(%L)',
                                  found.name, 'relation ' || found.name));
    END LOOP;
END $do$;
GRANT SELECT ON ALL TABLES IN SCHEMA traps TO PUBLIC;
