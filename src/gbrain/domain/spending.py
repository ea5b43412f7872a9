"""What may be spent at an endpoint: requests and tokens in any minute, requests, tokens and money in a day of UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from gbrain.domain.endpoint import Endpoint

MINUTE = timedelta(seconds=60.25)
"""How long a request counts. What is sent a minute apart may arrive in less: hence a little more than a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Requests that were sent, and the tokens in them: the endpoint's own count, or until it answered the estimate.

    What is older than a minute may be added up into one of these a day.
    """

    at: datetime
    tokens: int
    requests: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an endpoint allows; None where no limit is known."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_day: int | None = None
    paid_tokens_per_day: int | None = None
    """How many tokens the day's money buys. Unlike the other limits, it holds for a single request too."""


def limits_of(endpoint: Endpoint) -> Limits:
    """The limits that an endpoint was configured with."""
    return Limits(
        requests_per_minute=endpoint.requests_per_minute or None,
        tokens_per_minute=endpoint.tokens_per_minute or None,
        requests_per_day=endpoint.requests_per_day or None,
        tokens_per_day=endpoint.tokens_per_day or None,
        paid_tokens_per_day=_bought(endpoint) if endpoint.max_cost_per_day else None,
    )


def room(past: Sequence[Spent], now: datetime, limits: Limits, tokens: int) -> timedelta:
    """How long to wait before a request of so many tokens may be sent; zero where it may be sent now.

    `past` is what was sent since midnight UTC and within `MINUTE`, by everybody who shares the limits, in any order.
    A request of more tokens than a minute or a day allows at all is let through alone, for the endpoint to judge.
    """
    return max(_wait_of_day(past, now, limits, tokens), _wait_of_minute(past, now, limits, tokens))


def left(past: Sequence[Spent], now: datetime, limits: Limits) -> int | None:
    """How many tokens the next request may have to be sent now; None where nothing limits them."""
    minute, day = list(_of_minute(past, now)), list(_of_day(past, now))
    budgets = [
        (limits.requests_per_minute, minute, _requests),
        (limits.requests_per_day, day, _requests),
        (limits.tokens_per_minute, minute, _tokens),
        (limits.tokens_per_day, day, _tokens),
        (limits.paid_tokens_per_day, day, _tokens),
    ]
    known = [(limit - count(spent), count) for limit, spent, count in budgets if limit is not None]
    if any(rest <= 0 for rest, _ in known):
        return 0
    return min((rest for rest, count in known if count is _tokens), default=None)


def cost_of(tokens: int, price_per_million_tokens: float) -> float:
    """What the tokens cost, in the currency of the price."""
    return tokens * price_per_million_tokens / 1_000_000


def _wait_of_minute(past: Sequence[Spent], now: datetime, limits: Limits, tokens: int) -> timedelta:
    spent = sorted(_of_minute(past, now), key=lambda one: one.at)
    requests, used = _requests(spent), _tokens(spent)
    wait = timedelta()
    for one in spent:
        if _fits(limits.requests_per_minute, requests, 1) and _fits(limits.tokens_per_minute, used, tokens):
            break
        requests, used = requests - one.requests, used - one.tokens
        wait = one.at + MINUTE - now
    return wait


def _wait_of_day(past: Sequence[Spent], now: datetime, limits: Limits, tokens: int) -> timedelta:
    spent = list(_of_day(past, now))
    requests, used = _requests(spent), _tokens(spent)
    is_bought = limits.paid_tokens_per_day is None or used + tokens <= limits.paid_tokens_per_day
    if is_bought and _fits(limits.requests_per_day, requests, 1) and _fits(limits.tokens_per_day, used, tokens):
        return timedelta()
    return _midnight(now) + timedelta(days=1) - now


def _fits(limit: int | None, used: int, more: int) -> bool:
    return limit is None or used == 0 or used + more <= limit


def _of_minute(past: Sequence[Spent], now: datetime) -> Iterator[Spent]:
    return (one for one in past if one.at + MINUTE > now)


def _of_day(past: Sequence[Spent], now: datetime) -> Iterator[Spent]:
    return (one for one in past if one.at >= _midnight(now))


def _midnight(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(UTC).date(), time(), tzinfo=UTC)


def _requests(spent: Sequence[Spent]) -> int:
    return sum(one.requests for one in spent)


def _tokens(spent: Sequence[Spent]) -> int:
    return sum(one.tokens for one in spent)


def _bought(endpoint: Endpoint) -> int:
    if not endpoint.price_per_million_tokens:
        raise ValueError("money buys no tokens without a price")
    return int(endpoint.max_cost_per_day * 1_000_000 / endpoint.price_per_million_tokens + 1e-6)
