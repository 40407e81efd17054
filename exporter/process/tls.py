"""The certificate and key for HTTPS, and their renewal."""

import ssl
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from exporter.private_file import OUTSIDERS, exposure


@dataclass(frozen=True, slots=True)
class Tls:
    """The PEM files of a certificate (with its chain) and its key."""

    certificate: Path
    key: Path

    def check(self) -> None:
        """Check that they can be used, because otherwise a worker would exit at once.

        Raises:
            OSError: a file cannot be read; the error names it.
            ValueError: a file is not PEM, the two do not belong together, or the key is owned by another user or
                accessible to others (except, for reading, to its group).
        """
        if b"-----BEGIN CERTIFICATE-----" not in self.certificate.read_bytes():
            raise ValueError(f"{self.certificate} contains no PEM certificate")
        key = self.key.read_bytes()
        if b" PRIVATE KEY-----" not in key:
            raise ValueError(f"{self.key} contains no PEM private key")
        if b"ENCRYPTED" in key:
            raise ValueError(f"{self.key} is encrypted, which is not supported")
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(self.certificate, self.key, password="")
        except ssl.SSLError as error:
            why = "do not belong together" if error.reason == "KEY_VALUES_MISMATCH" else "contain no usable PEM"
            raise ValueError(f"{self.certificate} and {self.key} {why}") from error
        if wrong := exposure(self.key, self.key.stat(), OUTSIDERS):
            raise ValueError(wrong)

    def read(self) -> tuple[bytes, bytes]:
        """Return the contents of the files.

        Raises:
            OSError: a file cannot be read.
        """
        return self.certificate.read_bytes(), self.key.read_bytes()

    def remove(self) -> None:
        """Remove the files, if they exist."""
        self.certificate.unlink(missing_ok=True)
        self.key.unlink(missing_ok=True)


class Certificate:
    """The copies that workers serve, in a private folder.

    With copies, a worker that starts while the files are being replaced gets a matching pair.
    """

    def __init__(self, files: Tls, folder: Path) -> None:
        """Take the files, which have been checked, and the folder for the copies.

        Raises:
            OSError: a file cannot be read or written.
        """
        self._files = files
        self._folder = folder
        self._numbers = count(1)
        self._served = files.read()
        self.copies = self._copied(self._served)

    def renewed(self) -> Tls | None:
        """Return copies of the current files, or None if they have not changed.

        Raises:
            OSError: a file cannot be read, or a copy cannot be written.
            ValueError: they fail `Tls.check`, or were replaced while they were read.
        """
        found = self._files.read()
        if found == self._served:
            return None
        self._files.check()
        if self._files.read() != found:
            raise ValueError(
                f"{self._files.certificate} or {self._files.key} changed while being read: send SIGHUP again"
            )
        return self._copied(found)

    def serve(self, copies: Tls) -> None:
        """Replace the previous copies, and remove those.

        Raises:
            OSError: the new copies cannot be read.
        """
        self._served = copies.read()
        former, self.copies = self.copies, copies
        former.remove()

    def _copied(self, pair: tuple[bytes, bytes]) -> Tls:
        number = next(self._numbers)
        copies = Tls(self._folder / f"certificate-{number}.pem", self._folder / f"key-{number}.pem")
        try:
            copies.key.touch(0o600)
            for path, content in zip((copies.certificate, copies.key), pair, strict=True):
                path.write_bytes(content)
        except OSError:
            copies.remove()
            raise
        return copies
