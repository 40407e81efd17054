import platform
import subprocess
import sys

import pytest

BEGIN = """
import threading
import time
from exporter.process.memory import give_back_soon
import psutil

give_back_soon()
own = psutil.Process()
before = own.memory_full_info().uss
"""

HOLES = """
pieces = [bytes(50_000) for _ in range(2000)]
print(own.memory_full_info().uss - before > 80 * 2**20)
# The last one stands at the end of the heap, which therefore cannot shrink.
del pieces[:-1]
while own.memory_full_info().uss - before > 20 * 2**20:
    time.sleep(0.1)
print("given back")
"""

ENDS = """
def work():
    # Frees large blocks first, from which glibc would learn to keep as much.
    for _ in range(2):
        bytes(20_000_000)
    pieces = [bytes(1_000_000) for _ in range(20)]
    pieces.clear()
    done.set()
    threading.Event().wait()

done = threading.Event()
threading.Thread(target=work, daemon=True).start()
done.wait()
while own.memory_full_info().uss - before > 10 * 2**20:
    time.sleep(0.1)
print("given back")
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a matter of glibc's malloc")


def printed(program: str) -> str:
    command = [sys.executable, "-c", BEGIN + program]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=True).stdout


def test_freed_memory_is_given_back_though_some_after_it_is_in_use() -> None:
    assert printed(HOLES) == "True\ngiven back\n"


def test_a_thread_keeps_little_of_what_it_freed() -> None:
    assert printed(ENDS) == "given back\n"
