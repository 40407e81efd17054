"""One log line per export."""

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from exporter.limits.exceeded import LimitReached
from exporter.order import Order
from exporter.problems import Problem
from queries.cast import Unrepresentable
from queries.errors import QueryError

log = logging.getLogger(__name__)


async def recorded(order: Order, chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Pass the chunks on; log how it ended: succeeded, refused, limited, stalled, failed or disconnected."""
    started, sent, outcome, reason = time.monotonic(), 0, "disconnected", ""
    try:
        async with aclosing(chunks) as source:
            async for chunk in source:
                sent += len(chunk)
                yield chunk
                del chunk  # not held while the next is made
        outcome = "succeeded"
    except Problem as problem:
        outcome, reason = "refused", problem.type.name.lower()
        raise
    except LimitReached as error:
        outcome, reason = error.outcome, str(error)
        raise
    except (QueryError, Unrepresentable) as error:
        outcome, reason = "failed", f"{type(error).__name__}: {error}"
        raise
    except Exception as error:
        outcome, reason = "failed", repr(error)
        log.exception("export %s failed", order.id)
        raise
    finally:
        log.log(
            logging.INFO if outcome != "failed" else logging.ERROR,
            "export id=%s dataset=%s format=%s outcome=%s bytes=%d seconds=%.3f%s",
            order.id, order.dataset.name, order.format.name, outcome, sent, time.monotonic() - started,
            f" reason={reason!r}" if reason else "",
        )  # fmt: skip
