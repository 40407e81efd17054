"""A process that takes no more connections from a socket that others have too."""

import multiprocessing
import os
import select
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from exporter.process.listener import follow, leave, watching

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no epoll")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


@pytest.fixture
def epoll() -> Iterator[select.epoll]:
    with select.epoll() as opened:
        yield opened


def test_whoever_has_left_is_told_of_no_connection_and_others_are(listener: socket.socket, epoll: select.epoll) -> None:
    with socket.socket() as beside, socket.socket(fileno=os.dup(listener.fileno())) as copy, select.epoll() as other:
        assert watching(listener.fileno()) == []
        for each in (listener, beside):
            epoll.register(each, select.EPOLLIN)
        other.register(copy, select.EPOLLIN)
        again = os.dup(epoll.fileno())
        assert sorted(watching(listener.fileno())) == sorted([epoll.fileno(), again])
        leave(listener.fileno())
        os.close(again)
        assert watching(listener.fileno()) == []
        assert watching(beside.fileno()) == [epoll.fileno()]
        with closing(socket.create_connection(listener.getsockname())):
            assert other.poll(5) == [(copy.fileno(), select.EPOLLIN)]
            assert listener.fileno() not in dict(epoll.poll(0))


def test_the_parent_is_told_and_obeyed(listener: socket.socket, epoll: select.epoll) -> None:
    parent, worker = multiprocessing.Pipe()
    left = threading.Event()
    following = threading.Thread(target=follow, args=(worker, listener.fileno(), left.set))
    following.start()
    assert not parent.poll(0)
    epoll.register(listener, select.EPOLLIN)
    assert parent.recv_bytes() == b"serving"
    assert watching(listener.fileno())
    parent.send_bytes(b"leave")
    following.join()
    assert left.is_set()
    assert not watching(listener.fileno())


def test_a_parent_that_is_gone_says_nothing(listener: socket.socket, epoll: select.epoll) -> None:
    epoll.register(listener, select.EPOLLIN)
    parent, worker = multiprocessing.Pipe()
    parent.close()
    follow(worker, listener.fileno(), pytest.fail)
    assert watching(listener.fileno())
