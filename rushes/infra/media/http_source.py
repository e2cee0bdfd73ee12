"""Files over http(s) from allowed hosts. The address connected to is the address that was checked.

A name is resolved once, its address checked, and the connection made to that very address: a name server that answers
differently the second time (DNS rebinding) gains nothing. Redirects are followed by hand, each checked like the first.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from rushes.infra.settings import SourceSettings
from rushes.schemas.errors import ForbiddenUri, InputUnavailable, MediaNotFound

TIMEOUT_S: Final = 30.0
MAX_REDIRECTS: Final = 5

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})
_REFUSED: Final = frozenset({401, 403, 407, 451})
_SAFE_IN_TARGET: Final = "/%:@!$&'()*+,;=~-._?"


class HttpFile:
    """An answered request."""

    def __init__(self, uri: str, connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> None:
        self._uri = uri
        self._connection = connection
        self._answer = answer

    @property
    def size_bytes(self) -> int | None:
        return self._answer.length

    def blocks(self, size: int) -> Iterator[bytes]:
        try:
            while block := self._answer.read(size):
                yield block
        except (OSError, http.client.HTTPException) as error:
            raise InputUnavailable(f"{self._uri!r} stopped answering: {error!r}", retry_after_s=2) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._connection.close()


class HttpSource:
    """Opens uris of allowed hosts."""

    def __init__(self, sources: SourceSettings) -> None:
        self._hosts = frozenset(host.lower() for host in sources.hosts)
        self._private = sources.allow_private_addresses

    def open(self, uri: str) -> HttpFile:
        """Ask for the file. Raises ForbiddenUri, MediaNotFound, InputUnavailable."""
        at = uri
        for _ in range(MAX_REDIRECTS + 1):
            parts = self._allowed(at, uri)
            connection = self._connect(parts, uri)
            try:
                target = quote(parts.path or "/", safe=_SAFE_IN_TARGET) + (f"?{parts.query}" if parts.query else "")
                connection.request("GET", target, headers={"Accept-Encoding": "identity", "User-Agent": "rushes"})
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise InputUnavailable(f"{uri!r} does not answer: {error!r}", retry_after_s=2) from error
            if answer.status == http.client.OK:
                return HttpFile(uri, connection, answer)
            location = answer.getheader("Location")
            connection.close()
            if answer.status not in _REDIRECTS or location is None:
                raise _refusal(uri, answer)
            at = urljoin(at, location)
        raise InputUnavailable(f"{uri!r} redirects more than {MAX_REDIRECTS} times", retry_after_s=30)

    def _allowed(self, at: str, uri: str) -> SplitResult:
        try:
            parts = urlsplit(at)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ForbiddenUri(f"{at!r} is no uri: {error}") from error
        led = "" if at == uri else f", where {uri!r} leads,"
        if parts.scheme not in {"http", "https"} or host is None:
            raise ForbiddenUri(f"expected an http uri, found {at!r}{led}")
        if parts.username is not None:
            raise ForbiddenUri(f"the uri on host {host!r} carries credentials; give the worker access instead")
        if host not in self._hosts and f"{host}:{port}" not in self._hosts:
            allowed = ", ".join(sorted(self._hosts)) or "none at all"
            raise ForbiddenUri(f"the host {host!r}{led} is not allowed ({allowed}); see RUSHES_SOURCES__HOSTS")
        return parts

    def _connect(self, parts: SplitResult, uri: str) -> http.client.HTTPConnection:
        assert parts.hostname is not None
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise InputUnavailable(f"the host of {uri!r} can't be found now: {error}", retry_after_s=5) from error
        addresses = [str(entry[4][0]) for entry in found]
        if not self._private:
            refused = [address for address in addresses if not _public(address)]
            if refused:
                raise ForbiddenUri(
                    f"{parts.hostname!r} is at the private address {refused[0]}; see"
                    " RUSHES_SOURCES__ALLOW_PRIVATE_ADDRESSES"
                )
        failure: OSError | None = None
        for address in addresses:
            try:
                reached = socket.create_connection((address, port), timeout=TIMEOUT_S)
                return _over(reached, parts, port)
            except OSError as error:
                failure = error
        raise InputUnavailable(f"{uri!r} does not answer: {failure}", retry_after_s=2)


def _over(reached: socket.socket, parts: SplitResult, port: int) -> http.client.HTTPConnection:
    """A connection to the named host over a socket that is connected already."""
    assert parts.hostname is not None
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(parts.hostname, port, timeout=TIMEOUT_S)
        reached = ssl.create_default_context().wrap_socket(reached, server_hostname=parts.hostname)
    else:
        connection = http.client.HTTPConnection(parts.hostname, port, timeout=TIMEOUT_S)
    connection.sock = reached
    return connection


def _public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        embedded = found.ipv4_mapped or found.sixtofour
        if found in _NAT64:
            embedded = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if embedded is not None:
            found = embedded
    return found.is_global and not found.is_multicast


def _refusal(uri: str, answer: http.client.HTTPResponse) -> Exception:
    said = f"{answer.status} {answer.reason}"
    if answer.status in _GONE:
        return MediaNotFound(f"there is nothing at {uri!r}: the host says {said}")
    if answer.status in _REFUSED:
        return ForbiddenUri(f"the host refuses {uri!r}: {said}; use a signed uri, or let the worker in")
    wait_s = answer.getheader("Retry-After", "")
    return InputUnavailable(
        f"{uri!r} can't be had now: the host says {said}",
        retry_after_s=min(float(wait_s), 600.0) if wait_s.isdigit() else 2.0,
    )
