"""Proxies as tests put them in front of the service, without TLS and as plain as may be."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.service import Service, curl, free_port, until

_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    access_log off;
    {places}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_next_upstream off;
            {more}
        }}
    }}
}}
"""
_HAPROXY = """
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend exports
    bind 127.0.0.1:{port}
    {more}
    default_backend exporter
backend exporter
    server one 127.0.0.1:{behind}
"""


def program(name: str) -> str:
    """Return the path of a program; without it the test is skipped."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which(name, path=path) or pytest.skip(f"needs {name}")


@contextmanager
def nginx(service: Service, folder: Path, more: str = "") -> Iterator[str]:
    """Run nginx, and return the URL that it serves."""
    port, kinds = free_port(), ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    behind, written = urlsplit(service.url).port, folder / "nginx.conf"
    written.write_text(_NGINX.format(folder=folder, places=places, port=port, behind=behind, more=more))
    with _running([program("nginx"), "-p", str(folder), "-c", str(written), "-e", "stderr"], port, folder) as url:
        yield url


@contextmanager
def haproxy(service: Service, folder: Path, more: str = "") -> Iterator[str]:
    """Run HAProxy, and return the URL that it serves."""
    port, written = free_port(), folder / "haproxy.cfg"
    written.write_text(_HAPROXY.format(port=port, behind=urlsplit(service.url).port, more=more))
    with _running([program("haproxy"), "-db", "-f", str(written)], port, folder) as url:
        yield url


@contextmanager
def _running(command: list[str], port: int, folder: Path) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(lambda: curl(f"{url}/healthz").status == 200)
            yield url
        finally:
            process.terminate()
