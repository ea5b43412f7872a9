"""URLs, hosts and branch names, as they are checked when a source is added."""

from __future__ import annotations

import subprocess
from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gbrain.domain.locations import UrlLocation, UrlRefused, branch_error, endpoint, is_public, parse_url
from support.torture import examples


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a/b.git",
        "https://example.org:8443/a",
        "https://[2606:4700::1]/a",
        "ssh://git@example.org/a",
        "ssh://example.org:2222/~me/a",
        "git://example.org/a",
        "git@example.org:a/b.git",
        "example.org:a",
        "file:///srv/a b",
        "/srv/a:b",
        "/srv/日本",
    ],
)
def test_good_urls_are_taken_as_they_are(url):
    assert parse_url(url) == UrlLocation(url=url)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("", "empty"),
        ("ext::sh -c id", "transport"),
        ("fd::17", "transport"),
        ("https::https://example.org", "transport"),
        ("::x", "transport"),
        ("--upload-pack=id", "'-'"),
        ("https://example.org/a\nb", "control"),
        ("https://example.org/\x1b[2J", "control"),
        ("https://me:pw@example.org/a", "credentials"),
        ("https://ghp_token@example.org/a", "credentials"),
        ("https://example.org/a?access_token=x", "credentials"),
        ("ssh://me:pw@example.org/a", "password"),
        ("me:pw@example.org:a", "password"),
        ("http://example.org/a", "http"),
        ("ftp://example.org/a", "ftp"),
        ("javascript://example.org/a", "javascript"),
        ("ssh://-oProxyCommand=id/a", "host"),
        ("ssh://-oProxyCommand=id@example.org/a", "user"),
        ("-oProxyCommand=id@example.org:a", "'-'"),
        ("ssh://%2doProxyCommand=id/a", "host"),
        ("git@example.org:-a", "'-'"),
        ("https:///a", "understood"),
        ("https://example.org:0/a", "port"),
        ("https://example.org:99999/a", "port"),
        ("https://exa mple.org/a", "host"),
        ("https://localhost/a", "private"),
        ("https://a.localhost./a", "private"),
        ("https://127.0.0.1/a", "private"),
        ("https://[::1]/a", "private"),
        ("https://[::ffff:10.0.0.1]/a", "private"),
        ("git@192.168.0.1:a", "private"),
        ("https://169.254.169.254/latest", "private"),
        ("file://host/a", "absolute"),
        ("../a", "relative"),
    ],
)
def test_bad_urls_are_refused_with_a_reason(url, word):
    refused = parse_url(url)
    assert isinstance(refused, UrlRefused)
    assert word in refused.reason
    assert refused.hint


def test_private_hosts_and_plain_http_are_taken_where_allowed():
    for url in ("http://localhost:8080/a", "https://10.0.0.1/a", "git://127.0.0.1/a"):
        assert parse_url(url, allow_private_hosts=True) == UrlLocation(url=url)


def test_a_relative_path_is_taken_against_its_base_and_a_scheme_in_small_letters():
    assert parse_url("../a", base=PurePosixPath("/srv/b")) == UrlLocation(url="/srv/b/../a")
    assert parse_url("HTTPS://Example.org/A") == UrlLocation(url="https://Example.org/A")


@given(st.text(max_size=40))
def test_every_text_is_taken_or_refused(text):
    assert isinstance(parse_url(text), UrlLocation | UrlRefused)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("https://user:pw@example.org/a", "example.org", 443),
        ("ssh://git@[::1]:22/a", "::1", 22),
        ("git@example.org:a:b", "example.org", 22),
        ("git://example.org:99/a", "example.org", 99),
        ("/srv/a", None, None),
        ("file:///srv/a", None, None),
    ],
)
def test_the_host_is_the_one_git_connects_to(url, host, port):
    end = endpoint(url)
    assert (end.host, end.port) == (host, port)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_open_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "240.0.0.1"),
        *("100.64.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::",),
    ],
)
def test_private_addresses_are_not_public_however_they_are_wrapped(address):
    assert not is_public(address)


NAMES = st.lists(
    st.sampled_from(
        ["a", "b", "/", ".", "..", "@", "{", "-", ".lock", "~", "^", ":", "?", "*", "[", "\\", " ", "é", "\x7f", "HEAD"]
    ),
    max_size=6,
).map("".join)


@settings(max_examples=examples(150), deadline=None)
@given(NAMES)
def test_branch_names_are_those_git_takes(name):
    checked = subprocess.run(["git", "check-ref-format", f"refs/heads/{name}"], check=False)
    is_taken = checked.returncode == 0 and name not in ("@", "HEAD") and not name.startswith("-")
    assert (branch_error(name) is None) == is_taken
