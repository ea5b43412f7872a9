"""Budgets of a sliding minute, on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.minutes import LATENCY_S, fill
from support.servers import Server


@pytest.mark.parametrize("estimated", [400, 440, 320])
def test_no_minute_has_more_than_is_agreed_on_and_little_of_it_is_left_unused(
    server: Server, new_database: Callable[[], str], estimated: int
) -> None:
    took_s, sending = fill(
        server.url(new_database()), texts=47, requests=3, tokens=10_000, tokens_a_text=400, estimated=estimated
    )
    for at, _ in sending.sent:
        minute = [tokens for other, tokens in sending.sent if at - 60 < other <= at]
        assert len(minute) <= 3
        assert sum(minute) <= 10_000 or estimated < 400
    assert sum(tokens for _, tokens in sending.sent) == 47 * 400
    assert took_s <= 1.1 * (60 + LATENCY_S)
