"""Lexemes: what of a text can be looked up by words, the same for what is stored and for what is asked.

A token is a run of letters, digits, marks and underscores that does not begin with a mark. Its lexemes are its parts,
which underscores, capitals within a word, and digits set apart, and, where there are several, the whole: an exact
identifier is rarer than its parts. Each is folded (compatibility forms, case, accents of Latin letters), and cut to its
stem where it is of ASCII letters (Snowball's English stemmer: Porter 2001,
https://snowballstem.org/algorithms/english/stemmer.html). English stop words are none. Runs of scripts that put no
spaces between words (Han, Kana, Hangul, Thai, Lao, Khmer, Myanmar) are looked up by pairs of neighbours; a single Han
character or Hangul syllable is one too, for whoever asks for it alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import Stemmer

if TYPE_CHECKING:
    from regex import Pattern

LEXEME_RULE = 3
"""Raised whenever a text may get other lexemes, or what is written of them changes."""

LONGEST = 64
"""Characters of a lexeme; what is longer is cut."""

_KEPT = 1 << 17
_ASCII = re.compile(r"[A-Za-z0-9_]+")
_ASCII_APART = "".join(chr(code) if _ASCII.match(chr(code)) else " " for code in range(128))
"""What splits a text in half the time that the expression takes."""
_ASCII_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_WORD = r"[\p{L}\p{N}_][\p{L}\p{N}\p{M}_]*"
_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30fc"

STOP_WORDS = frozenset(
    "a about above after again against all am an and any are as at be because been before being below between both but"
    " by can could did do does doing don down during each few for from further had has have having he her here hers"
    " herself him himself his how i if in into is it its itself just me more most my myself no nor not now of off on"
    " once only or other our ours ourselves out over own s same she should so some such t than that the their theirs"
    " them themselves then there these they this those through to too under until up very was we were what when where"
    " which while who whom why will with you your yours yourself yourselves".split()
)
"""What stands in nearly every English text, and tells none from another."""


def counted(text: str) -> dict[int, int]:
    """How often each lexeme stands in a text, by its term."""
    found: Counter[Any] = Counter(map(_TERMS.__getitem__, _tokens(text)))
    found.pop((), None)
    for terms in [several for several in found if several.__class__ is tuple]:
        times = found.pop(terms)
        for one in terms:
            found[one] += times
    return found


def term(lexeme: str) -> int:
    """The number that stands for a lexeme in the index: 64 bits of its BLAKE2b hash (RFC 7693), signed."""
    return int.from_bytes(blake2b(lexeme.encode(errors="replace"), digest_size=8).digest(), "little", signed=True)


def asked(text: str) -> dict[str, float]:
    """The lexemes to look up for what somebody wrote, in order, and how often each was.

    The parts of a token that is looked up as a whole too count half: who asks for it does not mean them alone.
    """
    found: dict[str, float] = {}
    for token, times in Counter(_tokens(text)).items():
        whole = _whole_of(token)
        for lexeme in _of_token(token):
            if not _is_alone_in_a_run(lexeme, token):
                weight = times if whole is None or lexeme == whole else times / 2
                found[lexeme] = found.get(lexeme, 0.0) + weight
    return found


def name(text: str) -> str:
    """What a page is looked up by whose title this is, told from the lexemes by what none of them begins with."""
    return f"={folded(text)}"


def exact(text: str) -> str | None:
    """The one lexeme that tells whether a text has a token; None where there is none, or several are needed."""
    tokens = _tokens(text)
    if len(tokens) != 1:
        return None
    found = _of_token(tokens[0])
    return _whole_of(tokens[0]) or (found[0] if len(found) == 1 else None)


def located(text: str) -> Iterator[tuple[int, int, str]]:
    """Each lexeme with where it stands, in order of where it begins."""
    for match in (_ASCII if text.isascii() else _any_token()).finditer(text):
        yield from _located_in(match.group(), match.start())


def folded(text: str) -> str:
    """The tokens, folded, with single spaces between them: what is compared where the very words are asked for."""
    return " ".join(map(fold, _tokens(text)))


@lru_cache(maxsize=_KEPT)
def fold(token: str) -> str:
    """A token or a part of one in small letters, without accents on Latin ones, in its compatibility form."""
    if token.isascii():
        return token.lower()
    compatible = unicodedata.normalize("NFKC", token)
    is_token = (
        _any_token().fullmatch(compatible) is not None
    )  # what a fraction or a letter in brackets is made of is not
    plain = unicodedata.normalize("NFD", (compatible if is_token else token).casefold())
    kept = (one for at, one in enumerate(plain) if not (at and unicodedata.combining(one) and plain[at - 1].isascii()))
    return unicodedata.normalize("NFC", "".join(kept))


def is_spaceless(character: str) -> bool:
    """Whether it is of a script that puts no spaces between words."""
    return not character.isascii() and _spaceless_run().match(character) is not None


class _Terms(dict[str, "int | tuple[int, ...]"]):
    """The terms of the tokens last met: one, or a tuple of none or several."""

    def __missing__(self, token: str) -> int | tuple[int, ...]:
        if len(self) >= _KEPT:
            self.clear()
        terms = tuple(map(term, _of_token(token)))
        self[token] = found = terms[0] if len(terms) == 1 else terms
        return found


_TERMS = _Terms()


def _tokens(text: str) -> list[str]:
    return text.translate(_ASCII_APART).split() if text.isascii() else _any_token().findall(text)


def _of_token(token: str) -> tuple[str, ...]:
    if token.isalpha() and token.islower() and token.isascii():
        return () if token in STOP_WORDS else (_stemmer().stemWord(token)[:LONGEST],)
    found = [lexeme for part in _parts(token) for lexeme in _of_part(fold(part))]
    whole = _whole_of(token)
    return tuple(dict.fromkeys(found if whole is None else [*found, whole]))


def _whole_of(token: str) -> str | None:
    """The lexeme of a token as a whole; None where it has one part only, or is of a script without spaces."""
    found = _of_whole(fold(token.replace("_", ""))) if len(_parts(token)) > 1 else ()
    return next(iter(found), None)


def _parts(token: str) -> list[str]:
    return _ASCII_PARTS.findall(token) if token.isascii() else _any_parts().findall(token)


def _of_part(part: str) -> Iterable[str]:
    if part.isascii():
        return _of_ascii(part)
    found: list[str] = []
    last = 0
    for match in _spaceless_run().finditer(part):
        found += _of_other(part[last : match.start()])
        found += _of_run(match.group())
        last = match.end()
    return found + _of_other(part[last:])


def _of_ascii(part: str) -> Iterable[str]:
    if not part.isalpha():
        return (part[:LONGEST],)
    return () if part in STOP_WORDS else (_stemmer().stemWord(part)[:LONGEST],)


def _of_other(part: str) -> list[str]:
    return [part[:LONGEST]] if part else []


def _of_run(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    pairs = [run[at : at + 2] for at in range(len(run) - 1)]
    return pairs + [one for one in run if "\u4e00" <= one <= "\u9fff" or "\uac00" <= one <= "\ud7a3"]


def _of_whole(whole: str) -> Iterable[str]:
    if whole.isascii():
        return _of_ascii(whole)
    return () if _spaceless_run().search(whole) else (whole[:LONGEST],)


def _is_alone_in_a_run(lexeme: str, token: str) -> bool:
    return len(lexeme) == 1 and len(token) > 1 and is_spaceless(lexeme) and _is_beside(lexeme, token)


def _is_beside(character: str, token: str) -> bool:
    """Whether the character stands nowhere alone in the token, between others that have spaces between words."""
    return all(len(run) > 1 for run in _spaceless_run().findall(fold(token)) if character in run)


def _located_in(token: str, start: int) -> Iterator[tuple[int, int, str]]:
    parts = _ASCII_PARTS if token.isascii() else _any_parts()
    at = [(match.start(), match.end()) for match in parts.finditer(token)]
    if len(at) > 1:
        for lexeme in _of_whole(fold(token.replace("_", ""))):
            yield start, start + len(token), lexeme
    for first, end in at:
        part = token[first:end]
        for lexeme in dict.fromkeys(_of_part(fold(part))):
            yield from _placed(part, lexeme, start + first)


def _placed(part: str, lexeme: str, start: int) -> Iterator[tuple[int, int, str]]:
    if len(lexeme) > 2 or not is_spaceless(lexeme[0]) or len(fold(part)) != len(part):
        yield start, start + len(part), lexeme
        return
    plain, at = fold(part), -1
    while (at := plain.find(lexeme, at + 1)) >= 0:
        yield start + at, start + at + len(lexeme), lexeme


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english", 0)


@cache
def _any_token() -> Pattern[str]:
    import regex

    return regex.compile(_WORD)


@cache
def _any_parts() -> Pattern[str]:
    import regex

    return regex.compile(r"\p{Lu}+(?!\p{Ll})|\p{Lu}?[^\p{Lu}\p{N}_]+|\p{N}+|\p{Lu}")


@cache
def _spaceless_run() -> Pattern[str]:
    import regex

    return regex.compile(rf"[{_SPACELESS}]+")
