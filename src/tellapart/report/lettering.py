"""Text in figures: any script, never read as mathematics, never wider than its place."""

import unicodedata
from functools import cache
from typing import Any

# Matplotlib's own font comes first, so that figures look alike everywhere; the
# others are what common systems have for the scripts that it lacks.
_FAMILIES = (
    "DejaVu Sans",
    "Noto Sans",
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans JP",
    "Noto Sans SC",
    "Noto Sans KR",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans Arabic",
    "Noto Sans Hebrew",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Nirmala UI",
    "Leelawadee UI",
    "Segoe UI Symbol",
)
_MISSING = "\N{WHITE SQUARE}"


@cache
def families() -> tuple[str, ...]:
    """Font families of this machine in the order in which a glyph is looked for."""
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return tuple(name for name in _FAMILIES if name in installed)


@cache
def _fonts(weight: str) -> tuple[Any, ...]:
    from matplotlib import font_manager

    wanted = (font_manager.FontProperties(family=name, weight=weight) for name in families())
    return tuple(font_manager.get_font(font_manager.findfont(properties)) for properties in wanted)


@cache
def _has_glyph(character: str, weight: str) -> bool:
    return any(font.get_char_index(ord(character)) for font in _fonts(weight))


def drawable(text: str, weight: str = "normal") -> str:
    """Give `text` on one line, with a square for every character that no font here has.

    Matplotlib would warn at each such character, and control characters have no picture.
    """
    joined = unicodedata.normalize("NFC", " ".join(text.split()))
    shown = "".join(c for c in joined if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    return "".join(c if c == " " or _has_glyph(c, weight) else _MISSING for c in shown)


def columns(text: str) -> int:
    """Width of `text` in columns: 2 for a full-width character, 0 for a combining mark."""
    return sum(_column(character) for character in text)


def _column(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def _cut(text: str, width: int) -> int:
    used = 0
    for index, character in enumerate(text):
        used += _column(character)
        if used > width:
            return max(index, 1)
    return len(text)


def wrapped(text: str, width: int, lines: int = 2) -> str:
    r"""Break `text` into at most `lines` lines of `width` columns; `…` stands for what is left over.

    Example:
        >>> wrapped("a very long name of a class", 11)
        'a very long\nname of a …'
    """
    rows: list[str] = []
    rest = text.strip()
    while rest and len(rows) < lines:
        if len(rows) == lines - 1 and columns(rest) > width:
            return "\n".join([*rows, rest[: _cut(rest, width - 1)] + "…"])
        end = _cut(rest, width)
        space = rest.rfind(" ", 1, end + 1) if end < len(rest) else -1
        end = space if space > 0 else end
        rows.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return "\n".join(rows)


def font(size: float, weight: str = "normal") -> dict[str, Any]:
    """Keywords for any matplotlib text: fonts with fallbacks, and `$` as a plain sign."""
    return {"fontfamily": list(families()), "fontsize": size, "fontweight": weight, "parse_math": False}
