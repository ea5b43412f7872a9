"""What it means when an endpoint does not answer with vectors: by its status, its headers and its words."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from datetime import datetime

import orjson
import pycurl

from gbrain.domain.endpoint import Endpoint
from gbrain.domain.waiting import asked_wait, remaining, reset
from gbrain.embedding.answers import Deferred, Denied, Headroom, PushedBack, Refused
from gbrain.embedding.transfers import NotReceivedError
from gbrain.embedding.words import codes, safe, said

_BUSY = frozenset({429, 503, 529})
_PASSING = frozenset({408, 409, 421, 423, 424, 425})
_DENIED = frozenset({401, 402, 403, 404, 405, 407, 410, 426, 451})
_NO_URL = frozenset({pycurl.E_URL_MALFORMAT, pycurl.E_UNSUPPORTED_PROTOCOL})
_NOT_ENCRYPTED = frozenset(
    {
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CACERT_BADFILE,
        pycurl.E_SSL_ISSUER_ERROR,
    }
)
_NO_PROXY = 97
"""libcurl's code for a proxy's handshake that failed."""
_UNPAID = frozenset({"insufficient_quota", "billing_not_active", "billing_hard_limit_reached"})
_WRONG = frozenset({"invalid_api_key", "model_not_found"})


def of_status(
    status: int, headers: Mapping[str, str], body: bytes, *, endpoint: Endpoint, key: str | None, now: datetime
) -> PushedBack | Deferred | Refused | Denied:
    """What an answer means whose status is not 200."""
    host, words = host_of(endpoint), said(body, key)
    message = f"{host} answered {status}" + (f": {words}" if words else "")
    meant = codes(body)
    if status in _DENIED or status < 400 or meant & (_UNPAID | _WRONG):
        return Denied(message=message, hint=_hint(status, headers, meant, endpoint, key))
    if status in _BUSY:
        return PushedBack(wait=asked_wait(headers, now), message=message)
    if status in _PASSING or status >= 500:
        return Deferred(wait=asked_wait(headers, now), message=message)
    return Refused(message=message)


def is_no_url(failure: NotReceivedError) -> bool:
    """Whether nothing was tried, because what was to be asked is no URL."""
    return failure.code in _NO_URL and not failure.was_sent


def of_failure(failure: NotReceivedError, *, endpoint: Endpoint, key: str | None) -> Deferred:
    """What it means that no answer came at all."""
    message = _unreached(failure, host_of(endpoint), key)
    return Deferred(wait=None, message=message, may_be_charged=failure.was_sent)


def of_body(body: bytes, message: str) -> Deferred | None:
    """What an answer of status 200 means that holds an error instead of vectors; None of any other."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    is_error = isinstance(answer, dict) and bool(answer.get("error")) and "data" not in answer
    return Deferred(wait=None, message=message) if is_error else None


def headroom(headers: Mapping[str, str], now: datetime) -> Headroom:
    """What the headers of an answer tell of the provider's limits."""
    return Headroom(
        requests=remaining(headers, "x-ratelimit-remaining-requests", "x-ratelimit-remaining"),
        tokens=remaining(headers, "x-ratelimit-remaining-tokens"),
        resets_in=reset(headers, now),
    )


def host_of(endpoint: Endpoint) -> str:
    """The host and port of an endpoint, for a message."""
    return endpoint.base_url.partition("://")[2].partition("/")[0]


def key_hint(endpoint: Endpoint) -> str:
    """Where to look when the key is wrong."""
    if endpoint.api_key_env is None:
        return f"it wants a key: name the variable that holds it with api_key_env in [embedders.{endpoint.name}]"
    return f"check the key in {endpoint.api_key_env}"


def _hint(status: int, headers: Mapping[str, str], meant: frozenset[str], endpoint: Endpoint, key: str | None) -> str:
    if status == 402 or meant & _UNPAID:
        return "check the plan and the bill at the provider"
    if status == 401 or "invalid_api_key" in meant:
        return key_hint(endpoint)
    if status == 403:
        return f"{key_hint(endpoint)}, and that it may use {endpoint.model}"
    if status < 400 and (target := headers.get("location")):
        return f"it leads to {safe(target, key)}, which is not followed: check base_url in [embedders.{endpoint.name}]"
    return f"check base_url and model in [embedders.{endpoint.name}]"


def _unreached(failure: NotReceivedError, host: str, key: str | None) -> str:
    words = safe(failure.words, key)
    match failure.code:
        case pycurl.E_OPERATION_TIMEDOUT:
            return f"{host} did not answer in time" if failure.was_sent else f"{host} took no connection in time"
        case pycurl.E_COULDNT_RESOLVE_HOST:
            return f"the name of {host} cannot be resolved"
        case pycurl.E_PEER_FAILED_VERIFICATION:
            whose = f"{host} or of the proxy on the way" if failure.by_proxy else host
            return f"the certificate of {whose} is not trusted: {words}"
        case pycurl.E_COULDNT_RESOLVE_PROXY:  # its words may name the proxy with all that was written of it
            return f"the name of the proxy on the way to {host} cannot be resolved"
        case code if code == _NO_PROXY or (failure.by_proxy and not failure.was_sent and code not in _NOT_ENCRYPTED):
            return f"the proxy on the way to {host} does not let it through: {words}"
        case code if code in _NOT_ENCRYPTED:
            return f"there is no encrypted connection to {host}: {words}"
        case pycurl.E_COULDNT_CONNECT if failure.errno == errno.ECONNREFUSED:
            return f"{host} refuses connections"
        case pycurl.E_COULDNT_CONNECT:
            return f"{host} cannot be reached: {words}"
    return f"{host} broke the connection off before it had answered"
