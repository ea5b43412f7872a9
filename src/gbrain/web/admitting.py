"""Who may come in: whoever shows a token in the header `Authorization`, and nobody by anything else."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gbrain import logs
from gbrain.app.brain import Brain
from gbrain.app.plainly import plainly
from gbrain.documents.values import presentable
from gbrain.domain.access import Access
from gbrain.errors import CouldNotRun
from gbrain.services import tokens
from gbrain.web.answers import error
from gbrain.web.limiting import Failures

ACCESS = "gbrain.access"
"""Where in the scope of a request stands what its sender may do."""

_MOST_REMEMBERED = 1_000
_HINT = "send the header Authorization: Bearer TOKEN, with one that gbrain tokens add has made"


class Admission:
    """Hands on what comes with a token, and with it what its sender may do.

    An address that has failed too often is told when to come again, without a look at what it shows; only what was
    good before is looked at still, so that nobody is kept out by the failures of others.
    """

    def __init__(self, app: ASGIApp, brain: Brain, failures: Failures | None = None) -> None:
        self._app, self._brain = app, brain
        self._failures = failures or Failures(now=time.monotonic)
        self._good: OrderedDict[bytes, None] = OrderedDict()
        self._ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        found = await self._admit(scope)
        if isinstance(found, Access):
            await self._app({**scope, ACCESS: found}, receive, send)
        else:
            await found(scope, receive, send)

    async def _admit(self, scope: Scope) -> Access | Response:
        secret = _secret(Headers(scope=scope))
        if secret is None:
            return _refused("no_token", "no token was sent")
        address = (scope.get("client") or ("",))[0]
        shown = hashlib.sha256(secret.encode()).digest()
        if shown not in self._good and (wait_s := await self._turn_of(address)) is not None:
            hint = f"wait {wait_s} s, and send a token that is good"
            return error(
                429, "too_many_failures", "too many tokens were wrong", hint, headers={"Retry-After": str(wait_s)}
            )
        try:
            access = await self._look(secret, address)
        except CouldNotRun as unusable:
            logs.warning("a token could not be looked up", because=presentable(unusable.message))
            return error(503, unusable.code, "the brain cannot answer at the moment", "try again in a while")
        if access is None:
            self._good.pop(shown, None)
            return _refused(
                "bad_token", "the token is not known, was revoked or has expired", challenge="invalid_token"
            )
        self._remember(shown)
        return access

    async def _turn_of(self, address: str) -> int | None:
        """None once the address may try; in how many seconds it may, where it has failed too often.

        Where that hangs on what is under way, it is waited for: whoever asks in parallel gets no more tries by that.
        """
        wait_s = self._failures.wait_s(address)
        while wait_s is None and not self._failures.may_try(address):
            self._ended.clear()
            await self._ended.wait()
            wait_s = self._failures.wait_s(address)
        return wait_s

    async def _look(self, secret: str, address: str) -> Access | None:
        self._failures.begin(address)
        has_failed = False
        try:
            with plainly(self._brain):
                access = await self._brain.ask(lambda conn: tokens.admitted(conn, secret))
            has_failed = access is None
            return access
        finally:
            self._failures.end(address, has_failed=has_failed)
            self._ended.set()

    def _remember(self, shown: bytes) -> None:
        self._good[shown] = None
        self._good.move_to_end(shown)
        if len(self._good) > _MOST_REMEMBERED:
            self._good.popitem(last=False)


def _secret(headers: Headers) -> str | None:
    """What is shown as a token; None where nothing is, or more than one thing."""
    given = headers.getlist("authorization")
    scheme, _, secret = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    return secret.strip() if scheme.lower() == "bearer" and secret.strip() else None


def _refused(code: str, message: str, *, challenge: str | None = None) -> Response:
    said = f'Bearer realm="gbrain", error="{challenge}"' if challenge else 'Bearer realm="gbrain"'
    return error(401, code, message, _HINT, headers={"WWW-Authenticate": said})
