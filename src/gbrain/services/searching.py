"""Search: texts are ranked by their words and by their nearness to what was asked; a page is found by its best text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from gbrain.domain.filtering import date_of
from gbrain.domain.lexing import folded, name
from gbrain.domain.query_values import Kind, Query
from gbrain.domain.ranking import Ranking
from gbrain.domain.search import Hit
from gbrain.domain.slugs import asked_slug
from gbrain.services.candidates import Candidate, Looked, Shown, hit_of
from gbrain.services.fitting import Fitting
from gbrain.services.nearness import Meant, Nearness
from gbrain.services.phrases import PHRASE_WEIGHT, Phrases
from gbrain.services.words import Index, Kept, Place, lexemes_of
from gbrain.store import search
from gbrain.store.connection import Connection
from gbrain.store.search import PlaceRow, Scope

NAME_WEIGHT = 1.5
"""What the first text of a page gets whose title or slug is what was asked, where that with the best words gets 1: more
than words and nearness come to together."""

VECTOR, PHRASES, NAME = "(vector)", "(phrases)", "(name)"
"""The parts of a score that are of no word."""

_TEXTS_A_PAGE, _MORE = 4, 4
_LONGEST_NAME = 200
_MOST_TITLED = 1000
_FEW_PAGES = 20_000
_LISTED_AT_ONCE = 50


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
        self._conn, self._sources, self._query = conn, list(scope), query
        self._index = Index(conn, {source: one.segments for source, one in scope.items()}, kept)
        self._fitting = Fitting(conn, query, self._sources)
        texts = said(query) if by_words else []
        self._lexemes = lexemes_of(texts)
        self._titles = [name(" ".join(texts))] if by_words and name_asked(query) else []
        self._slugs = {source: one.named for source, one in scope.items()} if self._titles else {}
        self._phrases = Phrases(query.wanted.phrases if by_words else [])
        self._near = Nearness(conn, meant, self._sources, alone=not self._lexemes) if meant is not None else None
        self._named: frozenset[int] = frozenset()
        self._may_say: dict[int, frozenset[int]] = {}
        self._among: frozenset[int] | None = None
        self._rows: dict[int, PlaceRow] = {}

    async def pages(self, count: int) -> list[Hit]:
        """The best pages, at most so many; where nothing ranks them, those that fit, the newest first."""
        lexemes = [*self._lexemes, *self._phrases.lexemes, *self._fitting.lexemes, *self._titles]
        words = await self._index.words(lexemes)
        await self._fitting.find(self._index, words)
        self._may_say = self._phrases.find(words)
        self._named = await self._find_named(number for title in self._titles for number in words[title].numbers())
        near = await self._near.look(0, self._index, self._fitting) if self._near and self._lexemes else ()
        ranking = self._index.ranking({words[lexeme]: times for lexeme, times in self._lexemes.items()}, near)
        if not (self._lexemes or self._named or self._near):
            return await self._listed(count)
        return await self._ranked(ranking, count)

    @property
    def _is_phrases_alone(self) -> bool:
        return bool(self._phrases) and not self._query.wanted.words

    async def _find_named(self, titled: Iterable[int]) -> frozenset[int]:
        """The first texts of pages whose title is what was asked, which these are, and of those whose slug is."""
        pages = ((source, edition, 0) for source, editions in self._slugs.items() for edition in editions)
        found = await self._index.numbers_at(pages)
        return frozenset([*islice(titled, _MOST_TITLED), *(number for number in found if number is not None)])

    async def _ranked(self, ranking: Ranking, count: int) -> list[Hit]:
        """More texts are looked at until none of the others can come before those that are shown."""
        if self._fitting.pages is not None and len(self._fitting.pages) <= _FEW_PAGES:
            pages = self._fitting.pages.values()
            self._among = await self._index.numbers_of((page.source_id, page.edition) for page in pages)
        look = _TEXTS_A_PAGE * count
        while True:
            looked = await self._looked(ranking, look)
            numbers = dict.fromkeys(number for one in looked for number in one.numbers)
            shown = await self._shown(await self._candidates(ranking, list(numbers)), count)
            bounds = [one.bound for one in looked if one.bound is not None]
            if not bounds or (len(shown) == count and -shown[-1].candidate.rank >= max(bounds)):
                return [self._hit(one, ranking) for one in shown]
            look *= _MORE

    async def _looked(self, ranking: Ranking, look: int) -> list[Looked]:
        """The best by each of the things that texts are ranked by, so many of each."""
        found = [Looked(numbers=sorted(self._named))]
        of_all = max(self._may_say, default=0)
        for many, numbers in self._may_say.items():
            if many == of_all or not self._is_phrases_alone:
                more = self._unit(ranking) * PHRASE_WEIGHT * many
                found.append(self._best(ranking, look, numbers if self._among is None else numbers & self._among, more))
        if self._lexemes and not self._is_phrases_alone:
            found.append(self._best(ranking, look, self._among, 0.0))
        if self._near is not None:
            near = await self._near.look(look, self._index, self._fitting)
            found.append(Looked(numbers=list(near), bound=self._near.bound))
        return found

    def _best(self, ranking: Ranking, look: int, among: frozenset[int] | None, more: float) -> Looked:
        """The best by words; `more` is what any of these may score beside them."""
        best = ranking.best(look, among)
        bound = best[-1][1] / self._scale(ranking) + more if len(best) == look else None
        return Looked(numbers=[number for number, _ in best], bound=bound)

    async def _candidates(self, ranking: Ranking, numbers: Sequence[int]) -> list[Candidate]:
        """Those of the texts that may be shown, the best first."""
        if self._phrases:
            numbers = await self._saying_enough(numbers)
        scale, unit, found = self._scale(ranking), self._unit(ranking), []
        for number, score in zip(numbers, ranking.scores_of(numbers), strict=True):
            words = score / scale
            rank = -(words + self._beside_words(number, unit))
            if rank < 0:
                found.append(Candidate(rank, number, words))
        return sorted(found)

    async def _saying_enough(self, numbers: Sequence[int]) -> list[int]:
        """Those of the texts that say all phrases where nothing else is asked for; what they say is read."""
        fit = [place for place in await self._index.places(numbers) if self._fitting.has(place.edition)]
        unread = set(self._phrases.to_read([place.number for place in fit]))
        await self._phrases.read(await self._read([place for place in fit if place.number in unread]))
        enough = len(self._phrases) if self._is_phrases_alone else 0
        return [place.number for place in fit if self._phrases.of(place.number) >= enough]

    def _beside_words(self, number: int, unit: float) -> float:
        """What its phrases, its name and its nearness come to together."""
        found = unit * PHRASE_WEIGHT * self._phrases.of(number) if self._phrases else 0.0
        if number in self._named:
            found += unit * NAME_WEIGHT
        return found + self._near.of(number) if self._near is not None else found

    def _others(self, number: int, unit: float) -> dict[str, float]:
        """The same, each by itself."""
        others = {}
        if self._phrases and (phrases := self._phrases.of(number)):
            others[PHRASES] = unit * PHRASE_WEIGHT * phrases
        if number in self._named:
            others[NAME] = unit * NAME_WEIGHT
        if self._near is not None:
            others[VECTOR] = self._near.of(number)
        return others

    async def _shown(self, candidates: Sequence[Candidate], count: int) -> list[Shown]:
        """The best text of each page, best first: so many pages if there are."""
        places = await self._index.places([one.number for one in candidates])
        left, found = self._best_of_pages(zip(candidates, places, strict=True)), list[Shown]()
        while len(found) < count and (piece := list(islice(left, count - len(found)))):
            fit = set(await self._fitting.fit(place.edition for _, place in piece))
            rows = await self._read([place for _, place in piece if place.edition in fit])
            found += [Shown(candidate=one, row=rows[one.number]) for one, _ in piece if one.number in rows]
        return found

    def _best_of_pages(self, texts: Iterable[tuple[Candidate, Place]]) -> Iterator[tuple[Candidate, Place]]:
        """The first text of each page that fits, as far as it can be told without reading it."""
        seen = set[int]()
        for one, place in texts:
            if place.edition not in seen and self._fitting.has(place.edition):
                seen.add(place.edition)
                yield one, place

    async def _read(self, places: Sequence[Place]) -> dict[int, PlaceRow]:
        """What stands at these places, as far as they are there still, by number."""
        wanted = [(one.number, one.edition, one.ordinal) for one in places if one.number not in self._rows]
        self._rows |= await search.places(self._conn, self._sources, wanted) if wanted else {}
        return {one.number: self._rows[one.number] for one in places if one.number in self._rows}

    async def _listed(self, count: int) -> list[Hit]:
        """The pages that fit, the newest first, then by source and path; each by its first text."""
        if all(term.kind in (Kind.WORD, Kind.PHRASE) and not term.is_negative for term in self._query.terms):
            return []
        pages, found = await self._newest_first(), list[Hit]()
        for at in range(0, len(pages), _LISTED_AT_ONCE):
            fit = await self._fitting.fit(pages[at : at + _LISTED_AT_ONCE])
            wanted = [(number, edition, 0) for number, edition in enumerate(fit)]
            rows = await search.places(self._conn, self._sources, wanted) if wanted else {}
            found += [hit_of(row, 0.0, {}) for _, row in sorted(rows.items())]
            if len(found) >= count:
                break
        return found[:count]

    async def _newest_first(self) -> list[int]:
        """The editions of the pages that fit, as far as it can be told without reading them."""
        found = []
        async for pages in search.pages_of_sources(self._conn, self._sources, matter=True):
            for page in pages:
                if self._fitting.has(page.edition):
                    date = date_of(page.front_matter or {})
                    when = (0, -date.timestamp()) if date is not None else (1, 0.0)
                    found.append((when, page.source_id, page.path, page.edition))
        return [edition for *_, edition in sorted(found)]

    def _unit(self, ranking: Ranking) -> float:
        """What the best words score: all, where nothing but words counts; else 1, of which each has a share."""
        return 1.0 if self._near is not None else ranking.top or 1.0

    def _scale(self, ranking: Ranking) -> float:
        """What scores of words are divided by, so that the best come to one unit."""
        return ranking.top or 1.0 if self._near is not None else 1.0

    def _hit(self, shown: Shown, ranking: Ranking) -> Hit:
        found = shown.candidate
        of_words = ranking.parts(found.number)
        share = found.words / total if (total := sum(of_words.values())) else 0.0
        parts = {word: part * share for word, part in of_words.items() if share}
        return hit_of(shown.row, -found.rank, {**parts, **self._others(found.number, self._unit(ranking))})


def said(query: Query) -> list[str]:
    """The words and phrases that are wanted, as often as they were written."""
    return [term.values[0] for term in query.terms if term.kind in (Kind.WORD, Kind.PHRASE) and not term.is_negative]


def name_asked(query: Query) -> str | None:
    """The slug that a page would have which is named just what is wanted; None where that is no name."""
    wanted = " ".join(said(query))
    return asked_slug(wanted) if len(wanted) <= _LONGEST_NAME and folded(wanted) else None
