import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.chunking.decode import decode
from gbrain.domain.content import Reason, Refused

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def test_valid_text_stays_as_it_is() -> None:
    assert decode("# Grüße\r\n\u2028".encode()) == "# Grüße\r\n\u2028".encode()


def test_an_empty_blob_is_an_empty_text() -> None:
    assert decode(b"") == b""


def test_one_byte_order_mark_at_the_start_goes() -> None:
    assert decode(b"\xef\xbb\xbf\xef\xbb\xbfa\xef\xbb\xbf") == b"\xef\xbb\xbfa\xef\xbb\xbf"


def test_a_pointer_of_git_lfs_is_refused() -> None:
    refused = decode(LFS)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.LFS_POINTER


def test_a_long_text_that_begins_like_a_pointer_is_text() -> None:
    assert decode(LFS + b"x" * 1024) == LFS + b"x" * 1024


@pytest.mark.parametrize("bad", [b"\0", b"\xff", b"\xc3"])
def test_a_few_bad_bytes_become_replacement_characters(bad: bytes) -> None:
    assert decode(b"a" * 100 + bad) == b"a" * 100 + "\ufffd".encode()


@pytest.mark.parametrize("bad", [b"\0", b"\xff", b"\xc3"])
def test_one_percent_of_bad_bytes_is_binary(bad: bytes) -> None:
    refused = decode(b"a" * 99 + bad)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.BINARY


def test_text_in_utf_16_is_binary() -> None:
    assert isinstance(decode("plain words".encode("utf-16")), Refused)


def test_nuls_and_bad_bytes_count_together() -> None:
    assert isinstance(decode(b"a" * 198 + b"\0\xff"), Refused)
    assert decode(b"a" * 199 + b"\0\xff") == b"a" * 199 + "\ufffd\ufffd".encode()


@given(st.binary(max_size=300), st.binary(max_size=5))
def test_what_comes_out_is_text_without_nul(blob: bytes, more: bytes) -> None:
    text = decode(b"words " * 200 + blob[:3] + more)
    assert isinstance(text, Refused) or "\0" not in text.decode()
    assert isinstance(decode(blob), bytes | Refused)
