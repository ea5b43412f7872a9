"""Who may call a holder dead."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.lease import Holder, Life, judge, lease_name

_words = st.sampled_from(["", "one", "two"])
_holders = st.builds(
    Holder, host=_words, boot=_words, pids=_words, pid=st.integers(1, 3), started=st.sampled_from(["100", "200"])
)
_ME = Holder(host="here", boot="boot", pids="space", pid=1, started="1")
_OTHER = replace(_ME, pid=2, started="2")


def test_a_holder_with_its_own_start_lives_and_any_other_is_dead() -> None:
    assert judge(_OTHER, _ME, started_now="2") is Life.ALIVE
    assert judge(_OTHER, _ME, started_now="3") is Life.DEAD
    assert judge(_OTHER, _ME, started_now=None) is Life.DEAD


def test_a_process_lives_in_its_own_eyes() -> None:
    assert judge(_ME, _ME, started_now=_ME.started) is Life.ALIVE


def test_nobody_judges_across_a_reboot_a_namespace_or_a_machine() -> None:
    for elsewhere in (replace(_OTHER, boot="earlier"), replace(_OTHER, pids="container"), replace(_OTHER, boot="")):
        assert judge(elsewhere, _ME, started_now=None) is Life.UNKNOWN
        assert judge(elsewhere, _ME, started_now=elsewhere.started) is Life.UNKNOWN


def test_where_the_machine_tells_no_boot_nobody_is_judged() -> None:
    assert judge(replace(_OTHER, boot=""), replace(_ME, boot=""), started_now=None) is Life.UNKNOWN


@given(_holders, _holders, st.none() | st.sampled_from(["100", "200"]))
def test_only_the_same_boot_and_namespace_may_say_dead(holder: Holder, me: Holder, started_now: str | None) -> None:
    life = judge(holder, me, started_now=started_now)
    may_judge = bool(holder.boot) and (holder.boot, holder.pids) == (me.boot, me.pids)
    assert (life is Life.UNKNOWN) == (not may_judge)
    if may_judge:
        assert (life is Life.ALIVE) == (started_now == holder.started)


@given(_holders, st.text(max_size=5), st.none() | st.just("100"))
def test_the_name_of_a_host_plays_no_part(holder: Holder, host: str, started_now: str | None) -> None:
    me = replace(_ME, boot="one", pids="one")
    assert judge(replace(holder, host=host), me, started_now=started_now) is judge(holder, me, started_now=started_now)


def test_the_lease_of_a_source_is_named_after_it() -> None:
    assert lease_name("wiki") == "gbrain-sync:wiki"
