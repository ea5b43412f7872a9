"""What a search asks for, as people write it: every string is a query, and what is printed of one reads as the same.

    query      = { white | term } .
    term       = [ "-" ] ( phrase | list-field ":" list | day-field ":" value | word ) .
    list       = [ value ] { "," [ value ] } .
    value      = phrase | character { character } .   (neither white space nor '"'; in a list no "," either)
    phrase     = '"' { any character but '"' } ( '"' | end ) .
    word       = character { character } .            (neither white space nor '"')
    list-field = "source" | "type" | "tag" | "path" . (in any case)
    day-field  = "before" | "after" .

A term is the first of the four that fits. A field that says nothing, without a value or with a day that is none, is a
word like others; so is a "-" that white space or another "-" follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gbrain.domain.moments import moment
from gbrain.domain.query_values import Kind, Query, Term


def parse(text: str) -> Query:
    """The query that was written. Control characters are white space in it, lone surrogates U+FFFD, “ and ” are `"`."""
    return Query(tuple(_terms(_CONTROL.sub(" ", _SURROGATE.sub("\ufffd", _QUOTE.sub('"', text))))))


_VALUE = r'(?:"[^"]*"?|[^\s"]+)'
_LISTED = r'(?:"[^"]*"?|[^\s",]+)'
_SIGN = r"(?P<negative>-(?=[^\s-]))?"
# IGNORECASE alone would take a long s for an s.
_FIELD = re.compile(
    rf"{_SIGN}(?:(?P<lists>(?ai:source|type|tag|path)):(?P<list>{_LISTED}?(?:,{_LISTED}?)*+)"
    rf"|(?P<days>(?ai:before|after)):(?P<day>{_VALUE}))"
)
_PLAIN = re.compile(rf'{_SIGN}(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_QUOTE = re.compile("[“”„‟]")


def _terms(text: str) -> Iterator[Term]:
    at = 0
    while (plain := _PLAIN.search(text, at)) is not None:
        found = _FIELD.match(text, plain.start())
        term = _of_field(found) if found is not None else None
        at = found.end() if found is not None and term is not None else plain.end()
        if term is not None or (term := _of_words(plain)) is not None:
            yield term


def _of_field(found: re.Match[str]) -> Term | None:
    """The term, where its field says something."""
    is_negative = found["negative"] is not None
    if found["days"] is not None:
        day = " ".join(found["day"].strip('"').split())
        kind = Kind(found["days"].lower())
        return Term(kind=kind, values=(day,), is_negative=is_negative) if moment(day) is not None else None
    listed = (value.strip('"').strip() for value in re.findall(_LISTED, found["list"]))
    values = tuple(value for value in listed if value)
    return Term(kind=Kind(found["lists"].lower()), values=values, is_negative=is_negative) if values else None


def _of_words(found: re.Match[str]) -> Term | None:
    """The word or the phrase, where there is anything in it."""
    kind, said = (Kind.WORD, found["word"]) if found["word"] is not None else (Kind.PHRASE, found["phrase"])
    value = " ".join(said.split())
    return Term(kind=kind, values=(value,), is_negative=found["negative"] is not None) if value else None
