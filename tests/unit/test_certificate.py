"""The copies of a certificate and its key, and whether there is another pair."""

import stat
from pathlib import Path

import pytest
import trustme

from exporter.process.tls import Certificate, Tls


def issue(files: Tls) -> None:
    issued = trustme.CA().issue_cert("127.0.0.1")
    files.key.touch(0o600)
    files.certificate.write_bytes(issued.cert_chain_pems[0].bytes())
    files.key.write_bytes(issued.private_key_pem.bytes())


@pytest.fixture
def files(tmp_path: Path) -> Tls:
    files = Tls(tmp_path / "exports.pem", tmp_path / "exports.key")
    issue(files)
    return files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "copies").mkdir()
    return tmp_path / "copies"


def test_a_pair_is_another_only_by_what_it_holds(files: Tls, folder: Path) -> None:
    certificate = Certificate(files, folder)
    assert certificate.copies.read() == files.read()
    files.certificate.touch()
    files.key.write_bytes(files.key.read_bytes())
    assert certificate.renewed() is None
    issue(files)
    copies = certificate.renewed()
    assert copies
    assert copies.read() == files.read() != certificate.copies.read()
    assert stat.S_IMODE(copies.key.stat().st_mode) == 0o600
    certificate.serve(copies)
    assert sorted(folder.iterdir()) == [copies.certificate, copies.key]
    assert certificate.renewed() is None


def test_a_pair_that_cannot_be_used_leaves_no_copy(files: Tls, folder: Path) -> None:
    certificate = Certificate(files, folder)
    served = certificate.copies.read()
    files.key.write_bytes(b"half of a k")
    with pytest.raises(ValueError, match=r"exports\.key contains no PEM private key"):
        certificate.renewed()
    assert certificate.copies.read() == served
    assert len(list(folder.iterdir())) == 2


def test_a_pair_that_is_replaced_while_it_is_checked(files: Tls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = Certificate(files, folder)
    issue(files)
    monkeypatch.setattr(Tls, "check", issue)
    with pytest.raises(ValueError, match="changed while being read: send SIGHUP again"):
        certificate.renewed()
