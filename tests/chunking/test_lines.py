from hypothesis import given
from hypothesis import strategies as st

from gbrain.chunking.lines import count_line_ends, last_line_end

pieces = st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"\r", b" ", b"\xe2\x80\xa8"]), max_size=12).map(b"".join)


def line_ends(text: bytes) -> list[int]:
    """Where lines end, character by character."""
    return [at + 1 for at, byte in enumerate(text) if byte == 0x0A or (byte == 0x0D and text[at + 1 : at + 2] != b"\n")]


@given(pieces)
def test_a_feed_a_return_and_both_together_end_one_line_each(text: bytes) -> None:
    assert count_line_ends(text, 0, len(text)) == len(line_ends(text))


@given(pieces, st.integers(0, 20), st.integers(0, 20))
def test_the_last_line_end_is_never_between_return_and_feed(text: bytes, start: int, end: int) -> None:
    start, end = sorted((min(start, len(text)), min(end, len(text))))
    found = last_line_end(text, start, end)
    assert found == max((at for at in line_ends(text) if start < at <= end), default=-1)
