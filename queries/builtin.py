"""PostgreSQL's built-in types by oid, so that the usual column needs no look-up in `pg_type`."""

from collections.abc import Iterator, Mapping

from queries.types import PgType

# oid, oid of its array type (0: none), typname, typtype, format_type(oid, NULL); from src/include/catalog/pg_type.dat.
# Built-in oids are never reassigned; xid8 and the multiranges do not exist on every supported server, and need not.
_SCALARS = """
16 1000 bool b boolean
17 1001 bytea b bytea
18 1002 char b "char"
19 1003 name b name
20 1016 int8 b bigint
21 1005 int2 b smallint
23 1007 int4 b integer
24 1008 regproc b regproc
25 1009 text b text
26 1028 oid b oid
27 1010 tid b tid
28 1011 xid b xid
29 1012 cid b cid
114 199 json b json
142 143 xml b xml
600 1017 point b point
601 1018 lseg b lseg
602 1019 path b path
603 1020 box b box
604 1027 polygon b polygon
628 629 line b line
650 651 cidr b cidr
700 1021 float4 b real
701 1022 float8 b double precision
705 0 unknown p unknown
718 719 circle b circle
774 775 macaddr8 b macaddr8
790 791 money b money
829 1040 macaddr b macaddr
869 1041 inet b inet
1033 1034 aclitem b aclitem
1042 1014 bpchar b character
1043 1015 varchar b character varying
1082 1182 date b date
1083 1183 time b time without time zone
1114 1115 timestamp b timestamp without time zone
1184 1185 timestamptz b timestamp with time zone
1186 1187 interval b interval
1266 1270 timetz b time with time zone
1560 1561 bit b bit
1562 1563 varbit b bit varying
1700 1231 numeric b numeric
1790 2201 refcursor b refcursor
2202 2207 regprocedure b regprocedure
2203 2208 regoper b regoper
2204 2209 regoperator b regoperator
2205 2210 regclass b regclass
2206 2211 regtype b regtype
2275 1263 cstring p cstring
2278 0 void p void
2950 2951 uuid b uuid
2970 2949 txid_snapshot b txid_snapshot
3220 3221 pg_lsn b pg_lsn
3614 3643 tsvector b tsvector
3615 3645 tsquery b tsquery
3734 3735 regconfig b regconfig
3769 3770 regdictionary b regdictionary
3802 3807 jsonb b jsonb
3904 3905 int4range r int4range
3906 3907 numrange r numrange
3908 3909 tsrange r tsrange
3910 3911 tstzrange r tstzrange
3912 3913 daterange r daterange
3926 3927 int8range r int8range
4072 4073 jsonpath b jsonpath
4089 4090 regnamespace b regnamespace
4096 4097 regrole b regrole
4191 4192 regcollation b regcollation
4451 6150 int4multirange m int4multirange
4532 6151 nummultirange m nummultirange
4533 6152 tsmultirange m tsmultirange
4534 6153 tstzmultirange m tstzmultirange
4535 6155 datemultirange m datemultirange
4536 6157 int8multirange m int8multirange
5038 5039 pg_snapshot b pg_snapshot
5069 271 xid8 b xid8
"""

# Fixed-length vectors of the system catalogues, which count as true arrays: oid, array oid, name, element's oid.
_VECTORS = ((22, 1006, "int2vector", 21), (30, 1013, "oidvector", 26))


def _scalars() -> Iterator[PgType]:
    for line in _SCALARS.strip().splitlines():
        oid, array, name, type_, display = line.split(" ", 4)
        yield PgType(int(oid), "pg_catalog", name, type_, display)
        if array != "0":
            yield PgType(int(array), "pg_catalog", f"_{name}", "b", f"{display}[]", element=int(oid))


def _vectors() -> Iterator[PgType]:
    for oid, array, name, element in _VECTORS:
        yield PgType(oid, "pg_catalog", name, "b", name, element=element)
        yield PgType(array, "pg_catalog", f"_{name}", "b", f"{name}[]", element=oid)


BUILTIN: Mapping[int, PgType] = {type_.oid: type_ for source in (_scalars, _vectors) for type_ in source()}
