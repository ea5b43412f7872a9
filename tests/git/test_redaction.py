"""Credentials and control characters in texts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.redaction import redact, visible

SECRET = "s3cr3t-Value"


@pytest.mark.parametrize(
    "text",
    [
        f"fatal: unable to access 'https://me:{SECRET}@example.org/x.git/': 403",
        f"https://{SECRET}@example.org/x",
        f"https://me:pass/{SECRET}@example.org/x",
        f"postgresql://me:{SECRET}@db/x?sslmode=require",
        f"ssh://me:{SECRET}@example.org/x",
        f"Authorization: Bearer {SECRET}",
        f"> authorization: Basic {SECRET}",
        f'{{"Authorization": "token {SECRET}"}}',
        f"PRIVATE-TOKEN: {SECRET}",
        f"sent Bearer {SECRET} to it",
        f"https://example.org/x?access_token={SECRET}&a=1",
        f"https://example.org/x?a=1&private_token={SECRET}",
        f"https://example.org/x?token={SECRET}",
        f"https://example.org/x?key={SECRET}#f",
        f"host=db password={SECRET} user=me",
        f"host=db password='it\\'s {SECRET}' user=me",
        f"host=db password = {SECRET}",
        f"PGPASSWORD={SECRET} psql",
        f"VOYAGE_API_KEY={SECRET}",
        f"client_secret={SECRET}",
        f'{{"password": "{SECRET}"}}',
    ],
)
def test_no_credential_is_left(text):
    assert SECRET not in redact(text)
    assert "***" in redact(text)
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "token", ["ghp_" + "a1" * 18, "github_pat_" + "b2" * 20, "glpat-" + "c3" * 10, "sk-" + "d4" * 16]
)
def test_tokens_are_known_by_their_shape(token):
    assert redact(f"said {token} aloud") == "said *** aloud"


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org:8443/x?email=a@example.org",
        "ssh://git@example.org/x.git",
        "git@example.org:x.git: Permission denied (publickey).",
        "max_tokens=100000 in a request",
        "fatal: could not read Password for 'https://example.org': terminal prompts disabled",
        "lease token 7 is current",
        "docs/password.md: 3 chunks",
    ],
)
def test_what_is_no_credential_stays(text):
    assert redact(text) == text


def test_what_stands_around_a_credential_stays():
    assert redact("https://me:x@example.org/a.git not found") == "https://***@example.org/a.git not found"
    assert redact("host=db password=x user=me") == "host=db password=*** user=me"


FRAGMENTS = st.sampled_from(
    [
        "https://",
        "ssh://",
        "://",
        "@",
        ":",
        "/",
        "?",
        "&",
        " ",
        "'",
        '"',
        "=",
        "password",
        "access_token",
        "Bearer ",
        "Authorization",
        "***",
        "aaaaaaaa",
        "\\",
        "\n",
        "1",
    ]
)


@given(st.lists(FRAGMENTS, max_size=25).map("".join))
def test_redacting_again_changes_nothing(text):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "piece", ["a", "://", "://a:x", "password", "password=", "-token", '"', "Bearer a", "password='\\", "x_"]
)
def test_a_long_text_takes_no_longer_than_its_length(piece):
    started = time.perf_counter()
    redact(piece * (200_000 // len(piece)))
    assert time.perf_counter() - started < 3


@given(st.text())
def test_what_was_made_visible_has_no_control_characters_and_stays(text):
    shown = visible(text)
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or "\ud800" <= c <= "\udfff" for c in shown)
    assert visible(shown) == shown
    assert "\r" not in visible(text, newlines="keep")


def test_control_characters_are_named_and_other_text_stays():
    assert visible("\x1b[31mred\x07\x7f\x9b") == "\\x1b[31mred\\x07\\x7f\\x9b"
    assert visible("a\u202eb\u2066c") == "a\\u202eb\\u2066c"
    assert visible("one\ntwo\tthree\r") == "one\\ntwo\\tthree\\r"
    assert visible("one\ntwo\tthree\r", newlines="keep") == "one\ntwo\tthree\\r"
    assert visible("\udce4") == "\\xe4"
    assert visible("日本 é 👩‍👩‍👧") == "日本 é 👩‍👩‍👧"
