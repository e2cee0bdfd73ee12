"""Requests of our own commands to sources of weights: proxies honoured, tokens kept to the host that they are for.

Other than a producer's uri (`rushes.infra.media.http_source`), these addresses are the operator's and the registry's
own, so no host is refused; a redirect may lead to a content network, but never from https to http.
"""

import urllib.request
from http.client import HTTPMessage, HTTPResponse
from typing import IO, Final, cast
from urllib.parse import urlsplit

from rushes.schemas.errors import ConfigurationError

TIMEOUT_S: Final = 30.0
"""Of silence on the line. A download of hours may go on as long as bytes come."""

AGENT: Final = "rushes"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows within https, and gives the token to the same host only."""

    def redirect_request(  # noqa: PLR0917 - the library's signature
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        before, after = urlsplit(req.full_url), urlsplit(newurl)
        if before.scheme == "https" and after.scheme != "https":
            raise ConfigurationError(f"{req.full_url} redirects from https to {newurl}: refused")
        redirected = super().redirect_request(req, fp, code, msg, headers, newurl)
        token = req.unredirected_hdrs.get("Authorization")
        if redirected is not None and token is not None and before.netloc == after.netloc:
            redirected.add_unredirected_header("Authorization", token)
        return redirected


def ask(url: str, *, token: str | None = None, headers: dict[str, str] | None = None) -> HTTPResponse:
    """The answer to a GET, whatever its status below 400. Raises urllib.error.HTTPError, OSError, HTTPException.

    Raises ConfigurationError for an address that is no http(s) url.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ConfigurationError(f"expected an http(s) url as a source of weights, found {url!r}")
    told = {"User-Agent": AGENT, "Accept-Encoding": "identity"} | (headers or {})
    request = urllib.request.Request(url, headers=told)  # noqa: S310 - checked above
    if token is not None:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(_Redirects)
    return cast("HTTPResponse", opener.open(request, timeout=TIMEOUT_S))
