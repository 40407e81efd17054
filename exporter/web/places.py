"""Who counts as one caller among those that wait for a place."""

from exporter.access.principal import ANONYMOUS, Principal
from exporter.http.client_address import site
from exporter.http.visit import Visit
from exporter.limits.admission import Place
from queries.dataset import Dataset


def place_of(principal: Principal, visit: Visit, dataset: Dataset, most: int = 0) -> Place:
    """Return the place that an export of a dataset would have, of which there are `most` (0: any number).

    Where nobody has credentials, an address counts as one caller.
    """
    who = f"{principal.name} {site(visit.address)}" if principal == ANONYMOUS else principal.name
    return Place(who, dataset.name, most)
