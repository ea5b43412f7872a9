"""The order in which sources start, and how many slots those that hang may hold."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.fleet import Past, in_order, slots_for_slow_ones, slow_ones
from gbrain.domain.outcome import REMOTE_CODES, Code

_pasts = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.builds(
        Past,
        last_code=st.none() | st.sampled_from([code.value for code in Code]),
        is_in=st.booleans(),
        wrote=st.integers(0, 100).map(lambda seconds: timedelta(seconds=seconds)),
    ),
)


def test_first_syncs_start_first_then_what_writes_longest_then_what_could_not_be_fetched() -> None:
    pasts = {
        "short": Past(is_in=True, wrote=timedelta(seconds=1)),
        "hung": Past(is_in=True, last_code="fetch_timeout", wrote=timedelta(hours=1)),
        "gone": Past(is_in=True, last_code="remote_gone"),
        "long": Past(is_in=True, wrote=timedelta(seconds=9)),
        "new": Past(),
        "broken": Past(is_in=True, last_code="database", wrote=timedelta(seconds=5)),
    }
    assert in_order(sorted(pasts), pasts) == ["new", "long", "broken", "short", "gone", "hung"]
    assert slow_ones(pasts) == {"hung"}


@given(_pasts, st.data())
def test_every_source_starts_once_and_none_whose_fetch_failed_before_one_whose_fetch_worked(
    pasts: dict[str, Past], data: st.DataObject
) -> None:
    unknown = data.draw(st.lists(st.text("xyz", min_size=1, max_size=2), unique=True))
    order = in_order([*pasts, *unknown], pasts)
    assert sorted(order) == sorted([*pasts, *unknown])
    failed = [pasts.get(source_id, Past()).last_code in REMOTE_CODES for source_id in order]
    assert failed == sorted(failed)
    assert order == in_order(order[::-1], pasts)


@given(st.integers(1, 1000))
def test_those_that_hang_hold_a_quarter_of_the_slots_or_one(slots: int) -> None:
    assert 1 <= slots_for_slow_ones(slots) <= max(1, slots / 4)
