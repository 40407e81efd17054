"""`GET /`: the page that lists the datasets."""

from collections.abc import Mapping
from html import escape

from velithon.requests import Request
from velithon.responses import Response

from exporter.access.principal import Principal
from exporter.http.headers import policy_of_page
from exporter.http.negotiation import VARY
from exporter.web.service import Service, offer
from formats.encoder import Format
from queries.catalog import Catalog
from queries.dataset import Dataset

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem }
article { border-top: 1px solid #ccc; padding: .5rem 0 1rem }
h2 { margin: .5rem 0 0; font-size: 1.1rem }
p { margin: .25rem 0 }
a { margin-right: .75rem }
code { background: #f3f3f3; padding: 0 .25rem }
"""

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Datasets</title>
<style>{style}</style>
<h1>Datasets</h1>
{articles}
<p><a href="openapi.json">OpenAPI</a><a href="datasets">JSON</a></p>
</html>
"""

_ARTICLE = """<article>
<h2>{title}</h2>
<p>{description}</p>
{parameters}<p>{links}</p>
</article>"""


async def answer(service: Service, principal: Principal, request: Request) -> Response:
    """Answer with the page of the datasets that the caller may read."""
    offer(request, "text/html")
    headers = {"cache-control": "no-store", "vary": VARY, "content-security-policy": policy_of_page(_STYLE)}
    return Response(await service.document("home", page, principal), headers=headers, media_type="text/html")


def page(catalog: Catalog, formats: Mapping[str, Format]) -> bytes:
    """Return the page that lists every dataset with its downloads. It has no scripts and loads nothing."""
    articles = "\n".join(_article(dataset, formats) for dataset in catalog.values())
    return _PAGE.format(style=_STYLE, articles=articles).encode()


def _article(dataset: Dataset, formats: Mapping[str, Format]) -> str:
    links = [f'<a href="datasets/{dataset.name}.{extension}">{escape(f.title)}</a>' for extension, f in formats.items()]
    names = ", ".join(f"<code>{escape(parameter.name)}</code>" for parameter in dataset.settable)
    return _ARTICLE.format(
        title=escape(dataset.title),
        description=escape(dataset.header.description),
        parameters=f"<p>Parameters: {names}</p>\n" if names else "",
        links="".join([*links, f'<a href="datasets/{dataset.name}">columns</a>']),
    )
