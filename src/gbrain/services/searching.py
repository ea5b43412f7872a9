"""Search: texts are ranked by their words and by their nearness to what was asked; a page is found by its best text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from gbrain.domain.filtering import Filter, date_of
from gbrain.domain.lexing import folded
from gbrain.domain.query_values import Kind, Query
from gbrain.domain.ranking import Ranking, Word
from gbrain.domain.search import Hit
from gbrain.services.candidates import Candidate, Shown, hit_of, is_said, said_in, standing_in_all
from gbrain.services.words import Index, Kept, lexemes_of
from gbrain.store import search
from gbrain.store.connection import Connection
from gbrain.store.search import PageRow, PlaceRow, Scope

NEARNESS_WEIGHT = 0.25
"""What the nearest text gets for that, where the text with the best words gets 1 for them."""

PHRASE_WEIGHT = 1.0
"""What a text gets for each phrase that stands in it, likewise: it comes before those with the best words."""

VECTOR, PHRASES = "(vector)", "(phrases)"
"""The parts of a score that are of no word."""

NEAREST = 64
"""So many texts are near; how near a text is, is measured from the last of them."""

_TEXTS_A_PAGE, _MORE = 4, 4
_WITH_PHRASES = 1000
_MOST_NEAR = 20_000
_FEW_TEXTS, _FEW_PAGES = 10_000, 20_000
_NEAREST_S = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What was asked as a vector of length one, by a model."""

    model_id: int
    vector: Sequence[float]


@dataclass(slots=True)
class _Fitting:
    """The pages that fit, by edition; `any_does`: nothing is asked of pages."""

    any_does: bool = True
    pages: dict[int, PageRow] = field(default_factory=dict)
    barred: frozenset[int] = frozenset()

    def has(self, edition: int) -> bool:
        return edition not in self.barred and (self.any_does or edition in self.pages)


class Search:
    """One query over some sources, on one connection, as of one moment."""

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
        self._conn, self._sources, self._meant = conn, list(scope), meant
        self._index = Index(conn, {source: one.segments for source, one in scope.items()}, kept)
        self._filter, self._wanted, self._unwanted = Filter(query), query.wanted, query.unwanted
        self._lexemes = lexemes_of(said(query)) if by_words else {}
        self._is_phrases_alone = bool(self._wanted.phrases) and not self._wanted.words
        self._phrases = [folded(phrase) for phrase in self._wanted.phrases] if by_words else []
        self._bad_phrases = [folded(phrase) for phrase in self._unwanted.phrases]
        self._fitting = _Fitting()
        self._rows: dict[int, PlaceRow] = {}

    async def pages(self, count: int) -> list[Hit]:
        """The best pages, at most so many; where nothing ranks them, those that fit, the newest first."""
        of_each = [list(lexemes_of([word])) for word in self._unwanted.words]
        of_phrases = [one for phrase in self._wanted.phrases for one in lexemes_of([phrase])] if self._phrases else []
        words = await self._index.words([*self._lexemes, *of_phrases, *(one for each in of_each for one in each)])
        await self._find_fitting([[words[one] for one in each] for each in of_each])
        ranking = self._index.ranking({words[lexeme]: times for lexeme, times in self._lexemes.items()})
        if not self._lexemes and self._meant is None:
            return await self._listed(count)
        if not self._lexemes:
            return await self._nearest_pages(ranking, count)
        return await self._ranked_pages(ranking, standing_in_all([words[one] for one in of_phrases]), count)

    async def _find_fitting(self, unwanted: Sequence[Sequence[Word]]) -> None:
        """Which pages fit, and which have an unwanted word anywhere."""
        numbers = set[int]()
        for words in unwanted:
            numbers |= standing_in_all(words) or frozenset()
        barred = frozenset([place.edition for place in await self._index.places(sorted(numbers))] if numbers else [])
        self._fitting = _Fitting(barred=barred)
        if self._filter:
            self._fitting.any_does = False
            async for pages in search.pages_of_sources(
                self._conn, self._sources, matter=self._filter.needs_front_matter
            ):
                fit = [page for page in pages if self._filter.fits(page.path, page.kind, page.front_matter)]
                self._fitting.pages |= {page.edition: page for page in fit}

    async def _ranked_pages(self, ranking: Ranking, with_phrases: frozenset[int] | None, count: int) -> list[Hit]:
        """By words, with what is near. More texts are looked at until none of the others can come before."""
        near = await self._near(NEAREST) if self._meant is not None else {}
        among = with_phrases if self._is_phrases_alone else None
        if not self._fitting.any_does and len(self._fitting.pages) <= _FEW_PAGES:
            fit = await self._index.numbers_of((page.source_id, page.edition) for page in self._fitting.pages.values())
            among = fit if among is None else among & fit
        top = ranking.top
        look = _TEXTS_A_PAGE * count
        while True:
            best, is_all = await self._best_fitting(ranking, look, among)
            beside = [] if with_phrases is None else ranking.best(max(look, _WITH_PHRASES), with_phrases)
            numbers = dict.fromkeys([*(number for number, _ in [*best, *beside]), *near])
            hits = await self._shown(await self._candidates(ranking, numbers, near, top), count)
            bound = 0.0 if is_all or not best else self._share(best[-1][1], top)
            if is_all or (len(hits) >= count and hits[count - 1].score >= bound):
                return [self._hit(one, ranking) for one in hits[:count]]
            look *= _MORE

    async def _best_fitting(
        self, ranking: Ranking, wanted: int, among: frozenset[int] | None
    ) -> tuple[list[tuple[int, float]], bool]:
        """The texts with the best words whose pages fit, at least so many if there are; whether those are all."""
        look = wanted
        while True:
            best = ranking.best(look, among)
            is_all = len(best) < look
            places = await self._index.places([number for number, _ in best])
            fit = [one for one, place in zip(best, places, strict=True) if self._fitting.has(place.edition)]
            if is_all or len(fit) >= wanted:
                return fit, is_all
            look *= _MORE

    async def _nearest_pages(self, ranking: Ranking, count: int) -> list[Hit]:
        """By nearness alone. More texts are asked for until there are enough pages."""
        limit = max(NEAREST, _TEXTS_A_PAGE * count)
        while True:
            near = await self._near(limit)
            hits = await self._shown(await self._candidates(ranking, near, near, 0.0), count)
            if len(hits) >= count or len(near) < limit or limit >= _MOST_NEAR:
                return [self._hit(one, ranking) for one in hits[:count]]
            limit *= _MORE

    async def _near(self, limit: int) -> dict[int, float]:
        """The texts nearest to what was asked whose pages fit, by number, each with its cosine."""
        if self._meant is None:
            return {}
        rows = await search.nearest(
            self._conn,
            self._meant.model_id,
            self._sources,
            self._meant.vector,
            limit,
            pages=None if self._fitting.any_does else [page.page_id for page in self._fitting.pages.values()],
            few=self._index.collection.texts <= _FEW_TEXTS,
            within=_NEAREST_S,
        )
        found = [
            (await self._index.number_of(row.source_id, row.edition, row.ordinal), row)
            for row in rows
            if self._fitting.has(row.edition)
        ]
        return {number: row.cosine for number, row in found if number is not None and row.cosine > 0}

    async def _listed(self, count: int) -> list[Hit]:
        """The pages that fit, the newest first, then by source and path; each by its first text."""
        if self._fitting.any_does and not (self._unwanted.words or self._unwanted.phrases):
            return []
        found = []
        async for pages in search.pages_of_sources(self._conn, self._sources, matter=True):
            for page in pages:
                if self._fitting.has(page.edition):
                    date = date_of(page.front_matter or {})
                    when = (0, -date.timestamp()) if date is not None else (1, 0.0)
                    found.append((when, page.source_id, page.path, page.edition))
        wanted = [(number, edition, 0) for number, (*_, edition) in enumerate(sorted(found)[: _MORE * count])]
        rows = await search.places(self._conn, self._sources, wanted) if wanted else {}
        shown = [row for _, row in sorted(rows.items()) if not self._says_badly(row)]
        return [hit_of(row, 0.0, {}) for row in shown[:count]]

    async def _candidates(
        self, ranking: Ranking, numbers: Iterable[int], near: Mapping[int, float], top: float
    ) -> list[Candidate]:
        """Those of the texts that may be shown, each with its score.

        Words count as they are where nothing else does, else as a share of the best, as nearness does.
        """
        places = [place for place in await self._index.places(list(numbers)) if self._fitting.has(place.edition)]
        scores = ranking.scores_of([place.number for place in places])
        floor = min(near.values()) if len(near) >= NEAREST and self._lexemes else 0.0
        span = max(near.values(), default=1.0) - floor or 1.0
        weight = (NEARNESS_WEIGHT if self._lexemes else 1.0) if self._meant is not None else 0.0
        found = [
            Candidate(
                place=place,
                words=self._share(words, top),
                nearness=weight * max(0.0, near.get(place.number, floor) - floor) / span,
            )
            for place, words in zip(places, scores, strict=True)
        ]
        return await self._with_phrases(found, top) if self._phrases or self._bad_phrases else found

    async def _with_phrases(self, candidates: Sequence[Candidate], top: float) -> list[Candidate]:
        """Those that say nothing that is not wanted, with what they get for the phrases that stand in them."""
        weight = PHRASE_WEIGHT * (1.0 if self._meant is not None else top)
        rows, found = await self._read(candidates), []
        for one in candidates:
            if (row := rows.get(one.place.number)) is not None:
                texts = said_in(row)
                number = sum(is_said(phrase, texts) for phrase in self._phrases)
                is_short = self._is_phrases_alone and number < len(self._phrases)
                if not is_short and not self._says_badly(row, texts):
                    found.append(replace(one, phrases=weight * number))
        return found

    async def _shown(self, candidates: Iterable[Candidate], count: int) -> list[Shown]:
        """The best text of each page, best first: so many pages if there are, and those as good as the last."""
        best: dict[int, Candidate] = {}
        for one in sorted(candidates, key=lambda one: (-one.score, one.place.number)):
            if one.score > 0:
                best.setdefault(one.place.edition, one)
        left, found = list(best.values()), list[Shown]()
        while left and len(found) < count:
            last = left[min(len(left), count - len(found)) - 1].score
            piece = [one for one in left if one.score >= last]
            rows = await self._read(piece)
            found += [Shown(candidate=one, row=rows[one.place.number]) for one in piece if one.place.number in rows]
            left = left[len(piece) :]
        return sorted(found, key=lambda one: (-one.score, one.row.source_id, one.row.path, one.row.ordinal))

    async def _read(self, candidates: Iterable[Candidate]) -> Mapping[int, PlaceRow]:
        """What stands at the candidates' places, as far as they are there still, by number."""
        new = [one.place for one in candidates if one.place.number not in self._rows]
        wanted = [(place.number, place.edition, place.ordinal) for place in new]
        self._rows |= await search.places(self._conn, self._sources, wanted) if wanted else {}
        return self._rows

    def _share(self, words: float, top: float) -> float:
        if self._meant is None:
            return words
        return words / top if top else 0.0

    def _says_badly(self, row: PlaceRow, texts: Sequence[str] | None = None) -> bool:
        """Whether a phrase that is not wanted stands in a text."""
        if not self._bad_phrases:
            return False
        said_there = texts if texts is not None else said_in(row)
        return any(is_said(phrase, said_there) for phrase in self._bad_phrases)

    def _hit(self, shown: Shown, ranking: Ranking) -> Hit:
        found = shown.candidate
        of_words = ranking.parts(found.place.number)
        share = found.words / total if (total := sum(of_words.values())) else 0.0
        parts = {word: part * share for word, part in of_words.items() if share}
        if found.phrases:
            parts[PHRASES] = found.phrases
        if self._meant is not None:
            parts[VECTOR] = found.nearness
        return hit_of(shown.row, found.score, parts)


def said(query: Query) -> list[str]:
    """The words and phrases that are wanted, as often as they were written."""
    return [term.values[0] for term in query.terms if term.kind in (Kind.WORD, Kind.PHRASE) and not term.is_negative]
