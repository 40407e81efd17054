"""What counts as one caller among the exports that wait for a place."""

from exporter.access.principal import ANONYMOUS, Principal
from exporter.http.client_address import site
from exporter.http.visit import Visit
from exporter.limits.admission import Place
from queries.dataset import Dataset


def place_of(principal: Principal, visit: Visit, dataset: Dataset, most: int = 0) -> Place:
    """Return the place for an export of a dataset, which may have `most` places (0: no limit).

    With anonymous access, an address counts as one caller.
    """
    who = f"{principal.name} {site(visit.address)}" if principal == ANONYMOUS else principal.name
    return Place(who, dataset.name, most)
