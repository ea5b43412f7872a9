"""Where a text may be cut: between what a reader takes for characters, and between words.

Between characters the rules are those of Unicode's annex 29, made stricter where that makes them simpler: a border here
is one there, as far as this Python's tables of characters reach. Between words they are a small part of what stands
there.
"""

from __future__ import annotations

import re
import unicodedata

_SPACELESS = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\u2e80-\u312f\u3190-\ua4cf\ua980-\ua9ff"
    "\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f\U00016fe0-\U00018dff\U0001b000-\U0001b2ff\U00020000-\U0003ffff]"
)
"""Scripts that put no spaces between words: Thai to Burmese, Khmer, Javanese, Chinese, Japanese and their like."""

_JOINER = "\N{ZERO WIDTH JOINER}"
_CLINGING = re.compile(
    "[\u00ad\u0e33\u0eb3\u1160-\u11ff\u200c\u200d\ud7b0-\ud7ff\uff9e\uff9f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
"""What belongs to the character before it and is no mark: joiners, two vowels, jamo, voicing, skin tones, tags."""

_LEADING = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd\U000111c2\U000111c3\U0001193f\U00011941"
    "\U00011a84-\U00011a89\U00011d46]"
)
"""What belongs to the character behind it: number signs of Arabic, letters that stand above the next."""

_HANGUL = re.compile("[\u1100-\u115f\ua960-\ua97c][\u1100-\u115f\ua960-\ua97c\uac00-\ud7a3]")
_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))
_VIRAMA = 9
"""The combining class of what ties the next letter to the one before."""

_LIKE_LETTERS = frozenset(["Mn", "Mc", "Me", "Sk", "Pc"])
_WITHIN = frozenset("\u00ad\u200c\u200d\u055a\u055b\u055c\u055e\u058a")
"""A soft hyphen, joiners, and the marks that Armenian puts into its words."""

_INNER = frozenset(".,:'’·‧\u05f3\u05f4")
"""What stands within a word or a number where letters or digits stand on both sides."""


def is_character_border(text: str, at: int) -> bool:
    """True where a cut parts no letter from its marks and no emoji from its parts; at both ends too."""
    if not 0 < at < len(text):
        return True
    before, after = text[at - 1], text[at]
    if before < "\u0300" and after < "\u0300":
        return after != "\u00ad"
    if unicodedata.category(after)[0] == "M" or _CLINGING.match(after) or before == _JOINER:
        return False
    if _HANGUL.match(before + after) or _LEADING.match(before):
        return False
    if after in _FLAG_LETTERS and (at - len(text[:at].rstrip(_FLAG_LETTERS))) % 2 == 1:
        return False
    return not _is_tied(text, at)


def is_word_border(text: str, at: int) -> bool:
    """True where a cut parts no word either; in scripts without spaces each character may be one."""
    if not 0 < at < len(text):
        return True
    pair = text[at - 1 : at + 1]
    if pair.isalnum() and (pair.isascii() or _SPACELESS.search(pair) is None):
        return False
    if " " in pair:
        return is_character_border(text, at)
    before, after = _is_of_word(text, at - 1), _is_of_word(text, at)
    if before and after:
        return False
    if before and text[at] in _INNER and _is_of_word(text, at + 1):
        return False
    if after and text[at - 1] in _INNER and _is_of_word(text, at - 2):
        return False
    return is_character_border(text, at)


def _is_of_word(text: str, at: int) -> bool:
    if not 0 <= at < len(text):
        return False
    character = text[at]
    if character.isascii():
        return character.isalnum() or character == "_"
    if _SPACELESS.match(character):
        return False
    return character.isalnum() or unicodedata.category(character) in _LIKE_LETTERS or character in _WITHIN


def _is_tied(text: str, at: int) -> bool:
    """Whether one of the marks before ties what follows to them."""
    while at > 0:
        character, at = text[at - 1], at - 1
        if unicodedata.category(character)[0] != "M" and not _CLINGING.match(character):
            return False
        if unicodedata.combining(character) == _VIRAMA:
            return True
    return False
