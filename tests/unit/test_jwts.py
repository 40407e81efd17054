"""JWTs: whom they are about, and every way in which they have been forged elsewhere (RFC 8725)."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from exporter.access.jwks import Jwks
from exporter.access.jwts import JwtRefused, Jwts
from exporter.settings.access import AccessSettings

pytestmark = [
    pytest.mark.anyio,
    # In favour of Ed25519, but issuers still write it.
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),
]

RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
KEYS: dict[str, RSAKey | ECKey | OKPKey | OctKey] = {
    "RS256": RSA,
    "PS256": RSAKey.generate_key(2048, {"kid": "pss"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "ES512": ECKey.generate_key("P-521", {"kid": "ec512"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed2"}),
    "HS256": OctKey.generate_key(256, {"kid": "oct"}),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A JWKS as an issuer publishes it, and the secret besides."""
    path = tmp_path / "jwks.json"
    public = [key.as_dict(private=key.key_type == "oct") for key in KEYS.values()]
    path.write_text(json.dumps({"keys": [{"kty": "unheard-of", "kid": "x"}, "nonsense", *public]}))
    path.chmod(0o600)
    return path


def jwts(path: Path, *algorithms: str, **settings: Any) -> Jwts:
    chosen = AccessSettings(
        jwt_keys=str(path),
        jwt_algorithms=algorithms or ("RS256",),
        jwt_issuer="https://issuer",
        jwt_audience="exporter",
        **settings,
    )
    return Jwts(chosen, Jwks(str(path)))


def claims(**how: Any) -> dict[str, Any]:
    now = int(time.time())
    standard = {"iss": "https://issuer", "aud": "exporter", "sub": "ann", "iat": now, "exp": now + 600}
    return {name: value for name, value in (standard | how).items() if value is not None}


def token(algorithm: str = "RS256", **how: Any) -> str:
    key = KEYS[algorithm]
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims(**how), key, algorithms=[algorithm])


def part(content: bytes | dict[str, Any] | list[str] | str) -> str:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(text).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", KEYS)
async def test_each_algorithm(path: Path, algorithm: str) -> None:
    principal = await jwts(path, algorithm).principal(token(algorithm))
    assert (principal.name, principal.role, principal.datasets, principal.metrics) == ("ann", None, (), False)


async def test_claims_become_the_principal(path: Path) -> None:
    given = token(role="reporting", datasets=["sales.*", "orders"], teams=["a"])
    principal = await jwts(path).principal(given)
    assert principal.role == "reporting"
    assert principal.may_read("sales.daily")
    assert not principal.may_read("salaries")
    assert principal.claims["teams"] == ["a"]
    assert json.loads(principal.acting.claims or "")["sub"] == "ann"


async def test_the_names_of_the_claims_can_be_others(path: Path) -> None:
    chosen = jwts(path, jwt_name_claim="email", jwt_role_claim="db", jwt_datasets_claim="scope")
    principal = await chosen.principal(token(email="a@b", db="r", scope="orders sales.*", role=1, datasets=2))
    assert (principal.name, principal.role, principal.datasets) == ("a@b", "r", ("orders", "sales.*"))


async def test_the_audience_may_be_one_of_several(path: Path) -> None:
    assert await jwts(path).principal(token(aud=["other", "exporter"]))


async def test_clocks_may_differ_by_a_minute(path: Path) -> None:
    now = int(time.time())
    assert await jwts(path).principal(token(exp=now - 30, nbf=now + 30, iat=now + 30))


NOW = int(time.time())
REFUSED = {
    "expired": {"exp": NOW - 120},
    "never expires": {"exp": None},
    "expires as a text": {"exp": "9999999999"},
    "expires at no number": {"exp": float("nan")},
    "expires at infinity": {"exp": float("inf")},
    "expires at true": {"exp": True},
    "not yet": {"nbf": NOW + 3600},
    "not before a text": {"nbf": "0"},
    "issued in the future": {"iat": NOW + 3600},
    "another issuer": {"iss": "https://issuer/"},
    "no issuer": {"iss": None},
    "issuers": {"iss": ["https://issuer"]},
    "another audience": {"aud": "other"},
    "other audiences": {"aud": ["exporter2", "other"]},
    "no audience": {"aud": None},
    "audience of another type": {"aud": {"exporter": 1}},
    "no name": {"sub": None},
    "empty name": {"sub": ""},
    "name of another type": {"sub": 7},
    "long name": {"sub": "x" * 201},
    "name of two lines": {"sub": "ann\nbob"},
    "name with a zero": {"sub": "ann\0"},
    "name of half a letter": {"sub": "\ud800"},
    "role none": {"role": "none"},
    "empty role": {"role": ""},
    "role of another type": {"role": ["admin"]},
    "long role": {"role": "x" * 64},
    "datasets: number": {"datasets": 1},
    "datasets: object": {"datasets": {"*": True}},
    "datasets: true": {"datasets": True},
    "datasets: numbers": {"datasets": [1]},
    "datasets: lists": {"datasets": [["*"]]},
    "datasets: no name": {"datasets": ["a/b"]},
    "datasets: too many": {"datasets": ["a"] * 1_001},
    "datasets: too many patterns": {"datasets": [f"a{i}.*" for i in range(51)]},
    "datasets: empty name": {"datasets": [""]},
}


@pytest.mark.parametrize("how", REFUSED.values(), ids=REFUSED)
async def test_claims_that_are_refused(path: Path, how: dict[str, Any]) -> None:
    text = json.dumps(claims(**how)).encode()
    signed = f"{part({'alg': 'RS256', 'kid': 'rsa'})}.{part(text)}"
    with pytest.raises(JwtRefused):
        await jwts(path).principal(f"{signed}.{part(_rs256(signed))}")


def _rs256(signed: str) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return RSA.get_op_key("sign").sign(signed.encode(), PKCS1v15(), SHA256())


def test_the_signature_of_these_tests_is_a_good_one() -> None:
    signed = f"{part({'alg': 'RS256', 'kid': 'rsa'})}.{part(claims())}"
    assert jwt.decode(f"{signed}.{part(_rs256(signed))}", RSA, algorithms=["RS256"])


def hs256(header: dict[str, str], secret: bytes) -> str:
    signed = f"{part(header)}.{part(claims(datasets=['*']))}"
    return f"{signed}.{part(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize("algorithms", [("RS256",), ("RS256", "HS256")])
@pytest.mark.parametrize("form", ["pem", "der"])
@pytest.mark.parametrize("kid", ["rsa", None])
async def test_the_public_key_is_no_secret(path: Path, algorithms: tuple[Any, ...], form: str, kid: str | None) -> None:
    public = RSA.as_pem(private=False) if form == "pem" else RSA.as_der(private=False)
    header = {"alg": "HS256"} | ({"kid": kid} if kid else {})
    with pytest.raises(JwtRefused):
        await jwts(path, *algorithms).principal(hs256(header, public))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", None, 7, ["RS256"], "HS256", "RS384", "ES256K"])
async def test_other_algorithms_are_refused(path: Path, alg: Any) -> None:
    unsigned = f"{part({'alg': alg, 'kid': 'rsa'})}.{part(claims(datasets=['*']))}."
    for forged in (unsigned, unsigned + part(b"\0" * 256), unsigned + part(b"")):
        with pytest.raises(JwtRefused):
            await jwts(path).principal(forged)


async def test_a_good_signature_of_an_algorithm_that_is_not_chosen_is_refused(path: Path) -> None:
    for algorithm in set(KEYS) - {"RS256"}:
        with pytest.raises(JwtRefused):
            await jwts(path).principal(token(algorithm))


async def test_a_key_that_the_token_brings_along_is_not_used(path: Path) -> None:
    own = RSAKey.generate_key(2048)
    for header in (
        {"jwk": own.as_dict(private=False)},
        {"jwk": own.as_dict(private=False), "kid": own.thumbprint()},
        {"jku": "http://127.0.0.1:1/jwks", "kid": "other"},
        {"x5u": "http://127.0.0.1:1/x", "kid": "../../../dev/null"},
    ):
        signed = f"{part({'alg': 'RS256', 'kid': 'rsa'} | header)}.{part(claims())}"
        forged = jwt.encode({"alg": "RS256"}, claims(), own).rpartition(".")[2]
        with pytest.raises(JwtRefused):
            await jwts(path).principal(f"{signed}.{forged}")


@pytest.mark.parametrize("kid", ["unknown", 7, {}, [], "", True])
async def test_unknown_key_id(path: Path, kid: Any) -> None:
    with pytest.raises(JwtRefused):
        await jwts(path).principal(
            f"{part({'alg': 'RS256', 'kid': kid})}.{part(claims())}.{token().rpartition('.')[2]}"
        )


@pytest.mark.parametrize("header", [{"crit": ["b64"], "b64": False}, {"crit": ["exp"], "exp": 1}, {"b64": False}])
async def test_critical_extensions_are_refused(path: Path, header: dict[str, Any]) -> None:
    header = {"alg": "RS256", "kid": "rsa"} | header
    payload = json.dumps(claims())
    for signed in (f"{part(header)}.{part(payload.encode())}", f"{part(header)}.{payload.replace('.', '')}"):
        with pytest.raises(JwtRefused):
            await jwts(path).principal(f"{signed}.{part(_rs256(signed))}")


async def test_other_names_in_the_header_are_ignored(path: Path) -> None:
    signed = f"{part({'alg': 'RS256', 'kid': 'rsa', 'typ': 'at+jwt', 'own': 1, 'x5t': 'abc'})}.{part(claims())}"
    assert await jwts(path).principal(f"{signed}.{part(_rs256(signed))}")


GOOD = token()
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")


@pytest.mark.parametrize(
    "broken",
    [
        f"{HEADER}..{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}.",
        f"{HEADER}.{PAYLOAD}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE}=",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE[:-4]}",
        f"{HEADER}.{PAYLOAD}.{SIGNATURE[4:]}AAAA",
        f"{HEADER}.{part(claims(sub='bob'))}.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}A.{SIGNATURE}",
        f"{part('alg')}.{PAYLOAD}.{SIGNATURE}",
        f"{part(['alg'])}.{PAYLOAD}.{SIGNATURE}",
        f"{part(b'[' * 3000)}.{PAYLOAD}.{SIGNATURE}",
        f"{part(bytes([255]))}.{PAYLOAD}.{SIGNATURE}",
        f"{part({'alg': 'RS256', 'kid': 'rsa', 'more': 'x' * 10_000})}.{PAYLOAD}.{SIGNATURE}",
        f"{HEADER}.{'A' * 1_000_000}.{SIGNATURE}",
        f"{HEADER}.{PAYLOAD}.{'A' * 1_000_000}",
        "..",
        ".",
        "",
        "a.b.c",
        "~.~.~",
    ],
)
async def test_what_is_no_jwt(path: Path, broken: str) -> None:
    with pytest.raises(JwtRefused):
        await jwts(path).principal(broken)


@pytest.mark.parametrize("payload", [b"[]", b"7", b'"x"', b"{", b"\xff", b"[" * 5000])
async def test_a_signed_payload_that_is_no_object(path: Path, payload: bytes) -> None:
    signed = f"{part({'alg': 'RS256', 'kid': 'rsa'})}.{part(payload)}"
    with pytest.raises(JwtRefused):
        await jwts(path).principal(f"{signed}.{part(_rs256(signed))}")


async def test_without_an_id_only_a_single_key_is_taken(path: Path) -> None:
    """Trying one after another would make a forger's work cheaper, and the log say less."""
    for algorithm, accepted in (("HS256", True), ("RS256", False)):
        unnamed = jwt.encode({"alg": algorithm}, claims(), KEYS[algorithm], algorithms=[algorithm])
        if accepted:
            assert await jwts(path, algorithm).principal(unnamed)
        else:
            with pytest.raises(JwtRefused):
                await jwts(path, algorithm).principal(unnamed)


@pytest.mark.parametrize("meant", [{"use": "enc"}, {"alg": "PS256"}, {"key_ops": ["sign"]}])
async def test_a_key_that_is_meant_for_something_else_is_not_used(tmp_path: Path, meant: dict[str, Any]) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [RSA.as_dict(private=False) | meant, KEYS["PS256"].as_dict(private=False)]}))
    with pytest.raises(JwtRefused):
        await jwts(path).principal(token())


async def test_keys_that_are_meant_for_something_else_do_not_stand_in_the_way(tmp_path: Path) -> None:
    """Without an id there must be one key only, and issuers publish those for encryption beside it."""
    path = tmp_path / "jwks.json"
    public = KEYS["PS256"].as_dict(private=False)
    others = [public | {"kid": "1", "use": "enc"}, public | {"kid": "2", "alg": "PS256"}]
    path.write_text(json.dumps({"keys": [*others, RSA.as_dict(private=False)]}))
    assert await jwts(path).principal(jwt.encode({"alg": "RS256"}, claims(), RSA))
