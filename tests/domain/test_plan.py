"""What is decided for one path: carried out, it leaves nothing more to decide."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from gbrain.domain.content import Reason
from gbrain.domain.plan import (
    MAX_BLOB_BYTES,
    Decision,
    Drop,
    Forget,
    Record,
    Rules,
    StoredEntry,
    StoredPage,
    Write,
    align,
    decide,
)
from gbrain.domain.tree import TreeEntry

_FILES, _SYMLINK, _SUBMODULE = (0o100644, 0o100755), 0o120000, 0o160000
_TODAY, _BEFORE = b"today---", b"before--"
_blobs = st.sampled_from([b"1" * 20, b"2" * 20])
_fingerprints = st.sampled_from([_TODAY, _BEFORE])
_sizes = st.sampled_from([-1, 0, 10, MAX_BLOB_BYTES, MAX_BLOB_BYTES + 1])
_modes = st.sampled_from([*_FILES, _SYMLINK, _SUBMODULE])
_path = st.sampled_from([b"a.md", b"b.md", b"c.png", b"d/e.md", b"d/f.png"])
_entries = st.builds(TreeEntry, path=_path, mode=_modes, blob=_blobs, size_bytes=_sizes)
_pages = st.builds(
    StoredPage, path=_path, page_id=st.integers(1, 9), blob=_blobs, fingerprint=_fingerprints, slug=st.just("s")
)
_noted = st.builds(
    StoredEntry,
    path=_path,
    blob=_blobs,
    mode=_modes,
    fingerprint=_fingerprints,
    slug=st.none() | st.just("s"),
    state=st.sampled_from(["skipped", "open", "acknowledged"]),
)
_rules = st.builds(
    Rules,
    wanted=st.sampled_from([lambda path: path.endswith(b".md"), lambda path: True, lambda path: False]),
    fingerprint=st.just(_TODAY),
    full=st.booleans(),
)
Row = tuple[TreeEntry | None, StoredPage | None, StoredEntry | None]


@st.composite
def triples(
    draw: st.DrawFn, *, of_tree: bool | None = None, stored: str | None = None, is_link: bool | None = None
) -> Row:
    """One path, as the tree and the brain have it; a page and a ledger row exclude each other."""
    path = draw(_path)
    in_tree = draw(st.booleans()) if of_tree is None else of_tree
    entry = draw(_entries) if in_tree else None
    if entry and is_link is not None:
        entry = entry._replace(mode=draw(st.sampled_from([_SYMLINK, _SUBMODULE] if is_link else _FILES)))
    stored = stored or draw(st.sampled_from(["page", "noted", "nothing"] if in_tree else ["page", "noted"]))
    page = draw(_pages) if stored == "page" else None
    noted = draw(_noted) if stored == "noted" else None
    return (
        entry and entry._replace(path=path),
        page and page._replace(path=path),
        noted and noted._replace(path=path),
    )


def carried_out(decision: Decision | None, row: Row, rules: Rules, *, refused: bool) -> Row:
    """What the brain has of the path afterwards; a blob that is read may be refused."""
    entry, page, noted = row
    match decision:
        case None:
            return row
        case Write(written) if not refused:
            return entry, StoredPage(written.path, 7, written.blob, rules.fingerprint, "s"), None
        case Write(written) | Record(written):
            return entry, None, StoredEntry(written.path, written.blob, written.mode, rules.fingerprint, "s", "open")
        case Drop():
            return entry, None, noted
        case Forget():
            return entry, page, None


@given(triples(), _rules, st.booleans())
def test_what_is_decided_once_carried_out_leaves_nothing_to_decide(row: Row, rules: Rules, refused: bool) -> None:
    after = carried_out(decide(*row, rules), row, rules, refused=refused)
    again = Rules(wanted=rules.wanted, fingerprint=rules.fingerprint, full=False)
    assert decide(*after, again) is None


@given(triples(), _rules)
def test_a_path_the_tree_or_the_rules_leave_out_keeps_neither_page_nor_ledger_row(row: Row, rules: Rules) -> None:
    entry, page, noted = row
    assume(entry is None or (entry.mode in _FILES and not rules.wanted(entry.path)))
    decision = decide(*row, rules)
    if page is not None:
        assert decision == Drop(page)
    elif noted is not None:
        assert decision == Forget(noted)
    else:
        assert decision is None


@given(triples(of_tree=True), _rules)
def test_links_and_large_files_are_noted_with_their_reason_and_never_read(row: Row, rules: Rules) -> None:
    entry = row[0]
    assert entry is not None
    assume(entry.mode not in _FILES or (rules.wanted(entry.path) and entry.size_bytes > MAX_BLOB_BYTES))
    reason = {_SYMLINK: Reason.SYMLINK, _SUBMODULE: Reason.SUBMODULE}.get(entry.mode, Reason.TOO_LARGE)
    match decide(*row, rules):
        case Record(entry=same, reason=why):
            assert (same, why) == (entry, reason)
        case None:
            assert row[2] is not None
        case other:
            raise AssertionError(other)


@given(triples(of_tree=True, stored="page", is_link=False), _rules)
def test_an_equal_blob_under_todays_fingerprint_is_left_alone_unless_all_is_asked_for(row: Row, rules: Rules) -> None:
    entry, page, _ = row
    assert entry is not None
    assert page is not None
    assume(rules.wanted(entry.path) and entry.size_bytes <= MAX_BLOB_BYTES)
    is_same = (entry.blob, _TODAY) == (page.blob, page.fingerprint)
    assert isinstance(decide(*row, rules), Write) == (rules.full or not is_same)


@given(triples(of_tree=True, stored="noted"), _rules)
def test_what_has_no_page_is_tried_again_when_something_changed_or_all_is_asked_for(row: Row, rules: Rules) -> None:
    entry, _, noted = row
    assert entry is not None
    assert noted is not None
    assume(entry.mode not in _FILES or rules.wanted(entry.path))
    is_same = (noted.blob, noted.mode, noted.fingerprint) == (entry.blob, entry.mode, _TODAY)
    is_tried_anyway = rules.full and noted.state != "acknowledged"
    assert (decide(*row, rules) is None) == (is_same and not is_tried_anyway)


@given(_entries, _pages, _noted, _rules)
def test_a_page_beside_a_ledger_row_is_settled_by_what_the_blob_says(
    entry: TreeEntry, page: StoredPage, noted: StoredEntry, rules: Rules
) -> None:
    entry, page, noted = (row._replace(path=b"a.md") for row in (entry, page, noted))
    assume(entry.mode in _FILES)
    assert decide(None, page, noted, rules) == Drop(page, noted)
    if not rules.wanted(entry.path):
        assert decide(entry, page, noted, rules) == Drop(page, noted)
    elif entry.size_bytes > MAX_BLOB_BYTES:
        assert decide(entry, page, noted, rules) == Record(entry, Reason.TOO_LARGE, page, noted)
    else:
        assert decide(entry, page, noted, rules) == Write(entry, page, noted)


@given(
    st.lists(_entries, unique_by=lambda row: row.path),
    st.lists(_pages, unique_by=lambda row: row.path),
    st.lists(_noted, unique_by=lambda row: row.path),
)
def test_aligning_gives_each_path_once_with_all_that_is_said_of_it(
    entries: list[TreeEntry], pages: list[StoredPage], noted: list[StoredEntry]
) -> None:
    rows = align(list(entries), list(pages), list(noted))
    of_path = {}
    for row in rows:
        (path,) = {said.path for said in row if said is not None}
        assert path not in of_path
        of_path[path] = row
    paths = {said.path for said in (*entries, *pages, *noted)}
    assert of_path == {
        path: tuple(next((said for said in side if said.path == path), None) for side in (entries, pages, noted))
        for path in paths
    }
