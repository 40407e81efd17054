"""A FastAPI application with a login of its own: two exporters that share hooks, a registry and an observer."""

import logging
import os
from collections.abc import Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, generate_latest

from exporter import Began, Dataset, Ended, Exporter, Observation, Principal, Problem, ProblemType

DATASETS = [
    Dataset("numbers", sql="SELECT i FROM generate_series(1, 3) i"),
    Dataset("salaries", sql="SELECT current_setting('request.jwt.claims')::json ->> 'tenant' AS tenant"),
]


def caller(scope: Mapping[str, Any]) -> Any:
    who = dict(scope["headers"]).get(b"x-user", b"").decode()
    match who:
        case "":
            return None
        case "broken":
            raise RuntimeError("secret words")
        case "odd":
            return who
        case "locked":
            raise Problem(ProblemType.PERMISSION_DENIED, "Your account is locked: ask its administrator.")
    return Principal(who, ("*",), claims={"tenant": f"tenant of {who}"})


async def allowed(principal: Principal, dataset: Dataset) -> Any:
    match principal.name:
        case "unsure":
            return "perhaps"
        case "unlucky":
            raise RuntimeError("secret words")
    return dataset.name != "salaries" or principal.name == "ann"


class Told(Observation):
    def __init__(self, began: Began) -> None:
        self._began = began

    def ended(self, ended: Ended) -> None:
        origin, dataset = self._began.origin, self._began.order.dataset
        logging.getLogger("host").info("%s read %s of %s", origin.who, ended.rows, dataset.name)


@asynccontextmanager
async def _both(exports: Exporter, others: Exporter) -> Any:
    async with exports, others:
        yield


def application() -> Any:
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    registry = CollectorRegistry()

    def exporter() -> Exporter:
        return Exporter(
            os.environ["HOST_DATABASE"],
            DATASETS,
            authenticate=caller,
            authorize=allowed,
            observers=[Told],
            registry=registry,
            pool_size=1,
        )

    exports, others = exporter(), exporter()
    api = FastAPI(lifespan=lambda api: _both(exports, others))
    api.mount("/exports", exports)
    api.mount("/others", others)

    @api.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), media_type="text/plain")

    @api.get("/own/{name}")
    async def own(request: Request, name: str) -> Response:
        return exports.response(request, name, "csv")

    @api.get("/as-bob/{name}")
    async def as_bob(request: Request, name: str) -> Response:
        return exports.response(request, name, "csv", caller=Principal("bob", ("*",)))

    return exports.guard(api)
