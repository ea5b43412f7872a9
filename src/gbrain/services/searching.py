"""Search: texts are ranked by their words and by their nearness to what was asked; a page is found by its best text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gbrain.domain.fitting_pages import fits, has_filters
from gbrain.domain.lexing import folded, is_spaceless
from gbrain.domain.query_values import Kind, Query
from gbrain.domain.ranking import Ranking, Word
from gbrain.domain.search import Hit
from gbrain.services.words import Index, Kept, lexemes_of
from gbrain.store import search
from gbrain.store.connection import Connection
from gbrain.store.search import Near, PlaceRow, Scope

NEARNESS_WEIGHT = 0.45
"""What the nearest text gets for that, where the text with the best words gets 1 for them."""

PHRASE_WEIGHT = 1.0
"""What a text gets for each phrase that stands in it, likewise: it comes before those with the best words."""

VECTOR, PHRASES = "(vector)", "(phrases)"
"""The parts of a score that are of no word."""

_TEXTS_A_PAGE = 4
_MORE = 4
_MOST = 100_000
_NEAREST = 100
_FEW_TEXTS = 10_000
_NEAREST_S = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What was asked as a vector of length one, by a model."""

    model_id: int
    vector: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A text that may be shown, with what its score is made of."""

    row: PlaceRow
    words: float
    nearness: float
    phrases: float

    @property
    def score(self) -> float:
        """What it is ranked by."""
        return self.words + self.nearness + self.phrases


class Search:
    """One query over some sources, on one connection."""

    def __init__(
        self,
        conn: Connection,
        query: Query,
        scope: Mapping[str, Scope],
        kept: Kept,
        *,
        by_words: bool,
        meant: Meant | None,
    ) -> None:
        self._conn, self._query, self._sources = conn, query, list(scope)
        self._index = Index(conn, [head for one in scope.values() for head in one.segments], kept)
        self._by_words, self._meant = by_words, meant
        self._cosines: dict[bytes, float] = {}
        self._wanted, self._not_wanted, self._has_filters = query.wanted, query.unwanted, has_filters(query)
        self._is_phrases_alone = bool(self._wanted.phrases) and not self._wanted.words
        self._phrases = [folded(phrase) for phrase in self._wanted.phrases]
        self._unwanted = [folded(phrase) for phrase in self._not_wanted.phrases]

    async def pages(self, count: int) -> list[Hit]:
        """The best pages, at most so many."""
        index = self._index
        wanted, unwanted = self._wanted, self._not_wanted
        lexemes = lexemes_of(said(self._query)) if self._by_words else {}
        needed = {phrase: lexemes_of([phrase]) for phrase in (*wanted.phrases, *unwanted.phrases, *unwanted.words)}
        words = await index.words([*lexemes, *(one for each in needed.values() for one in each)])
        ranking = index.ranking({words[lexeme]: times for lexeme, times in lexemes.items()})
        barred = await self._barred(index, [[words[one] for one in needed[word]] for word in unwanted.words])
        among = _standing_in_all([words[one] for phrase in wanted.phrases for one in needed[phrase]])
        near = await self._near(index)
        top = ranking.best(1)
        look = _TEXTS_A_PAGE * count
        while True:
            best = ranking.best(look, among if self._is_phrases_alone else None)
            looked_at = [*best, *(ranking.best(look, among) if among is not None else ())]
            found = await self._candidates(index, ranking, looked_at, top[0][1] if top else 0.0, near, barred)
            hits = _best_of_each_page(found)
            if len(hits) >= count or len(best) < look or look >= _MOST:
                return [self._hit(one, ranking) for one in hits[:count]]
            look *= _MORE

    async def _near(self, index: Index) -> dict[int, float]:
        """The texts nearest to what was asked, each with its cosine, by number."""
        if self._meant is None:
            return {}
        rows = await search.nearest(
            self._conn,
            self._meant.model_id,
            self._sources,
            self._meant.vector,
            _NEAREST,
            few=index.collection.texts <= _FEW_TEXTS,
            within=_NEAREST_S,
        )
        return {number: row.cosine for row in rows if (number := await self._number(index, row)) is not None}

    async def _number(self, index: Index, row: Near) -> int | None:
        return await index.number_of(row.edition, row.ordinal)

    async def _candidates(
        self,
        index: Index,
        ranking: Ranking,
        best: Sequence[tuple[int, float]],
        top: float,
        near: Mapping[int, float],
        barred: frozenset[int],
    ) -> list[_Candidate]:
        """The texts that may be shown among these, with what each scores."""
        numbers = list(dict.fromkeys([*(number for number, _ in best), *near]))
        places = [place for place in await index.places(numbers) if place.edition not in barred]
        wanted = [(place.number, place.edition, place.ordinal) for place in places]
        rows = await search.places(self._conn, self._sources, wanted) if wanted else {}
        fitting = {number: row for number, row in rows.items() if self._fits(row)}
        nearness = await self._nearness(fitting.values(), near)
        scores = dict(zip(fitting, ranking.scores_of(fitting), strict=True))
        return [self._candidate(row, scores[number], top, nearness[number]) for number, row in fitting.items()]

    def _candidate(self, row: PlaceRow, words: float, top: float, nearness: float) -> _Candidate:
        """Words count as they are where nothing else does, else as a share of the best, as nearness does."""
        phrases = PHRASE_WEIGHT * sum(_is_said(phrase, _said_in(row)) for phrase in self._phrases)
        if self._meant is None:
            return _Candidate(row=row, words=words, nearness=0.0, phrases=phrases * top)
        if not self._by_words:
            return _Candidate(row=row, words=0.0, nearness=nearness, phrases=0.0)
        share = words / top if top else 0.0
        return _Candidate(row=row, words=share, nearness=NEARNESS_WEIGHT * nearness, phrases=phrases)

    async def _nearness(self, rows: Iterable[PlaceRow], near: Mapping[int, float]) -> dict[int, float]:
        """For each text by number its cosine, as a share of the best; 0 where it has no vector."""
        rows = list(rows)
        if self._meant is None:
            return {row.number: 0.0 for row in rows}
        unknown = {
            row.passage
            for row in rows
            if row.number not in near and row.passage is not None and row.passage not in self._cosines
        }
        if unknown:
            self._cosines |= dict.fromkeys(unknown, 0.0)
            vector, model_id = self._meant.vector, self._meant.model_id
            self._cosines |= await search.nearness(self._conn, model_id, vector, list(unknown))
        top = max(near.values(), default=1.0) or 1.0
        cosines = {row.number: near.get(row.number, self._cosines.get(row.passage or b"", 0.0)) for row in rows}
        return {number: max(0.0, cosine) / top for number, cosine in cosines.items()}

    def _fits(self, row: PlaceRow) -> bool:
        """Whether a text is of a page that fits, without unwanted phrases, and with those that alone are asked for."""
        if self._has_filters and not fits(self._query, row.path, row.kind, row.front_matter):
            return False
        if not self._unwanted and not self._is_phrases_alone:
            return True
        texts = _said_in(row)
        has_all = not self._is_phrases_alone or all(_is_said(phrase, texts) for phrase in self._phrases)
        return has_all and not any(_is_said(phrase, texts) for phrase in self._unwanted)

    async def _barred(self, index: Index, unwanted: Sequence[Sequence[Word]]) -> frozenset[int]:
        """The pages, by edition, that have a word that is not wanted anywhere."""
        numbers = set[int]()
        for words in unwanted:
            numbers |= _standing_in_all(words) or frozenset()
        return frozenset([place.edition for place in await index.places(sorted(numbers))] if numbers else [])

    def _hit(self, found: _Candidate, ranking: Ranking) -> Hit:
        row = found.row
        of_words = ranking.parts(row.number)
        share = found.words / total if (total := sum(of_words.values())) else 0.0
        parts = {word: part * share for word, part in of_words.items() if share}
        if found.phrases:
            parts[PHRASES] = found.phrases
        if self._meant is not None:
            parts[VECTOR] = found.nearness
        return Hit(
            source_id=row.source_id,
            slug=row.slug,
            path=row.path,
            title=row.title,
            headings=tuple(row.headings),
            text=row.text,
            first_line=row.first_line,
            last_line=row.last_line,
            score=found.score,
            parts=parts,
        )


def _best_of_each_page(found: Iterable[_Candidate]) -> list[_Candidate]:
    best: dict[int, _Candidate] = {}
    shown = [one for one in found if one.score > 0]
    for one in sorted(shown, key=lambda one: (-one.score, one.row.source_id, one.row.path, one.row.ordinal)):
        best.setdefault(one.row.page_id, one)
    return list(best.values())


def _standing_in_all(words: Sequence[Word]) -> frozenset[int] | None:
    """The texts that have all of the words; None where there are none, and nothing is asked."""
    if not words:
        return None
    found: frozenset[int] | None = None
    for word in sorted(words, key=lambda word: word.texts):
        found = frozenset(word.numbers()) if found is None else found & frozenset(word.numbers())
    return found


def said(query: Query) -> list[str]:
    """The words and phrases that are wanted, as often as they were written."""
    return [term.values[0] for term in query.terms if term.kind in (Kind.WORD, Kind.PHRASE) and not term.is_negative]


def _said_in(row: PlaceRow) -> list[str]:
    return [folded(part) for part in (row.title, *row.headings, row.text)]


def _is_said(phrase: str, texts: Sequence[str]) -> bool:
    """Whether a phrase stands in one of the texts between borders of words; all are folded."""
    if not phrase:
        return True
    before = "" if is_spaceless(phrase[0]) else " "
    after = "" if is_spaceless(phrase[-1]) else " "
    return any(f"{before}{phrase}{after}" in f" {text} " for text in texts)
