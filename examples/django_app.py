"""Django in one file: `uvicorn django_app:application`, then http://127.0.0.1:8000/exports/."""

import os
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import include, path

from exporter import Dataset, Exporter, Principal


def caller(scope: Mapping[str, Any]) -> Principal | None:
    """Return the user whom Django has logged in; here, whoever Django's request says it comes from."""
    request = scope["django.request"]
    return Principal(request.META["REMOTE_ADDR"], ("*",)) if request.META["REMOTE_ADDR"] == "127.0.0.1" else None


squares = Dataset("squares", sql="SELECT i, i * i AS square FROM generate_series(1, 100) i")
exports = Exporter(os.environ["DATABASE_URL"], [squares], authenticate=caller)
urlpatterns = [path("exports/", include(exports.django()))]

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
application = exports.django_application(get_asgi_application())
