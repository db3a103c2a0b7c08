"""Names of files and classes made harmless: in a spreadsheet, on a terminal, and on a page."""

import json
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

# What a spreadsheet takes for a formula, also behind spaces and quotes; the wide forms too, which some of them convert.
_FORMULA: Final = re.compile(r"[\s'\"]*[\t\r\n=+\-@\uFF1D\uFF0B\uFF0D\uFF20]")
_QUOTED: Final = re.compile(r"[,;\t\"\r\n]")
_HARMFUL: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Parts of emoji and of Persian and Indic words: they turn nothing and hide nothing.
_JOINERS: Final = "\u200c\u200d"
_ISOLATE: Final = "\N{FIRST STRONG ISOLATE}\N{POP DIRECTIONAL ISOLATE}"


def for_spreadsheet(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula.

    `from_spreadsheet` takes it off again, and gives every text back as it was.

    Source: OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection

    Example:
        >>> for_spreadsheet("=1+1.jpg"), for_spreadsheet("chair"), for_spreadsheet("'-a")
        ("'=1+1.jpg", 'chair', "''-a")
    """
    return f"'{text}" if _FORMULA.match(text) else text


def from_spreadsheet(text: str) -> str:
    """Take off the apostrophe that `for_spreadsheet` put before a text, and no other."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text[1:]) else text


def csv_line(cells: Iterable[str]) -> str:
    r"""Write a row of a CSV file in which no cell is a formula, its line end included.

    A cell with a semicolon or a tab is put in quotes too: where these divide cells,
    what stands behind them would be a cell of its own.

    Example:
        >>> csv_line(["a.jpg", "=x", "b;=c"])
        'a.jpg,\'=x,"b;=c"\n'
    """
    return ",".join(map(_cell, cells)) + "\n"


def for_terminal(text: str) -> str:
    r"""Write control characters, and those that turn the direction of writing, as escapes.

    Example:
        >>> print(for_terminal("a\x1b[2J\u202egpj.jpg"))
        a\x1b[2J\u202egpj.jpg
    """
    return "".join(_escaped(letter) if _harms(letter) else letter for letter in text)


def printable(name: str | Path) -> str:
    r"""Write a name so that it can be printed and written: what of it is not UTF-8 becomes escapes.

    Example:
        >>> print(printable("photo\udcff.jpg"))
        photo\udcff.jpg
    """
    return str(name).encode("utf-8", "backslashreplace").decode()


def json_for_terminal(text: str) -> str:
    """Write the same characters in a JSON text as JSON's own escapes; what is read from it stays the same."""
    return "".join(json.dumps(letter)[1:-1] if _harms(letter) else letter for letter in text)


def isolated(name: str) -> str:
    r"""Write a name so that it neither steers nor turns what stands beside it: for pages and cards.

    Control characters, and those that turn the direction of writing, become escapes; a name in a script
    that goes from right to left is isolated.

    Example:
        >>> isolated("chair"), isolated("\u202echair"), isolated("\u05db") == "\u2068\u05db\u2069"
        ('chair', '\\u202echair', True)
    """
    shown = for_terminal(name)
    if any(unicodedata.bidirectional(letter) in {"R", "AL", "AN"} for letter in shown):
        return f"{_ISOLATE[0]}{shown}{_ISOLATE[1]}"
    return shown


def for_page(text: str) -> str:
    r"""Write a text with names in it as `for_terminal` does; line ends, tabs, and what `isolated` put in, stay.

    Example:
        >>> for_page("a\x1b[2J\n\u202egpj") == "a\\x1b[2J\n\\u202egpj"
        True
    """
    kept = f"\n\t{_ISOLATE}"
    return "".join(_escaped(letter) if _harms(letter) and letter not in kept else letter for letter in text)


def _cell(text: str) -> str:
    harmless = for_spreadsheet(text)
    return '"' + harmless.replace('"', '""') + '"' if _QUOTED.search(harmless) else harmless


def _harms(letter: str) -> bool:
    return not letter.isprintable() and letter not in _JOINERS and unicodedata.category(letter) in _HARMFUL


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
