"""How near texts are to what was asked, as vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gbrain.services.fitting import Fitting
from gbrain.services.words import Index
from gbrain.store import search
from gbrain.store.connection import Connection

NEARNESS_WEIGHT = 0.25
"""What the nearest text gets for that, where the text with the best words gets 1 for them."""

NEAREST = 64
"""So many texts are near; how near a text is, is measured from the last of them."""

_MOST = 20_000
_FEW_TEXTS = 10_000
WITHIN_S = 10.0
"""The nearest are gone without if they are not found within this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What was asked as a vector of length one, by a model."""

    model_id: int
    vector: Sequence[float]


class Nearness:
    """The texts of some sources that are nearest to what was asked, by number.

    A text's nearness depends on the pages that fields let through, and on no word or phrase that must not be there.
    Beside words it is a share of what the nearest gets, measured from the `NEAREST`th; `alone`, it is the cosine as a
    share of the nearest one's.
    """

    def __init__(self, conn: Connection, meant: Meant, sources: Sequence[str], *, alone: bool) -> None:
        self._conn, self._meant, self._sources = conn, meant, sources
        self._alone, self._weight = alone, 1.0 if alone else NEARNESS_WEIGHT
        self._shares: dict[int, float] = {}
        self._floor, self._span, self._is_known = 0.0, 1.0, False
        self.bound: float | None = None
        """What no other text's nearness is above, as far as the index over vectors finds them; None where there is no
        other.
        """

    async def look(self, limit: int, index: Index, fitting: Fitting) -> Iterable[int]:
        """The numbers of those that fit among the nearest: of so many if alone, else of those that are near."""
        if self._is_known and not self._alone:
            return self._shares
        self._is_known = True
        most = min(_MOST, max(NEAREST, limit)) if self._alone else NEAREST
        rows = await search.nearest(
            self._conn,
            self._meant.model_id,
            self._sources,
            self._meant.vector,
            most,
            pages=None if fitting.pages is None else [page.page_id for page in fitting.pages.values()],
            few=index.collection.texts <= _FEW_TEXTS,
            within_s=WITHIN_S,
        )
        cosines = [row.cosine for row in rows]
        self._floor = max(0.0, cosines[-1]) if len(rows) >= NEAREST and not self._alone else 0.0
        self._span = (max(cosines, default=1.0) - self._floor) or 1.0
        fit = [row for row in rows if row.cosine > 0 and fitting.has(row.edition)]
        numbers = await index.numbers_at((row.source_id, row.edition, row.ordinal) for row in fit)
        found = zip(numbers, fit, strict=True)
        self._shares = {number: self._weighted(row.cosine) for number, row in found if number is not None}
        has_all = len(rows) < most or most == _MOST or cosines[-1] <= 0
        self.bound = None if has_all or not self._alone else self._weighted(cosines[-1])
        return self._shares

    def of(self, number: int) -> float:
        """What a text's nearness adds to its score."""
        return self._shares.get(number, 0.0)

    def _weighted(self, cosine: float) -> float:
        return self._weight * max(0.0, cosine - self._floor) / self._span
