"""Hostile text in Markdown and YAML: class names, file names and findings may hold markup."""

import json
import re
import unicodedata
from typing import Any, Final

from tellapart.plain_text import isolated

_LONGEST: Final = 400
_NAMED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
# What begins emphasis, code, a link, a cell, a formula or a mention; a colon before a letter an address or an emoji.
_SPECIAL: Final = re.compile(r"[&<>\\`*_\[\]|~$#@]|:(?=\S)|(?<=www)\.", re.IGNORECASE)
_UNWRITABLE: Final = {"Cc", "Cs", "Zl", "Zp"}


class Trusted(str):
    """Text of our own that is Markdown already."""

    __slots__ = ()


def plain(value: Any) -> str:
    r"""Write a value so that Markdown shows it as it is, on one line.

    Example:
        >>> plain("<b>a|b</b>\n# c")
        '&lt;b&gt;a\\|b&lt;/b&gt; \\# c'
    """
    if isinstance(value, Trusted) or not isinstance(value, str):
        return str(value)
    return _SPECIAL.sub(lambda found: _NAMED.get(found[0], f"\\{found[0]}"), isolated(_on_one_line(value)))


def quoted(value: str) -> str:
    r"""Write a text as a YAML scalar in double quotes.

    Example:
        >>> quoted("a: 'b'\n- c")
        '"a: \'b\' - c"'
    """
    # JSON's strings are YAML's, as long as every character may stand in a YAML file.
    writable = "".join(" " if unicodedata.category(one).startswith("C") else one for one in _on_one_line(value))
    return json.dumps(writable, ensure_ascii=False)


def _on_one_line(text: str) -> str:
    written = "".join(" " if unicodedata.category(one) in _UNWRITABLE else one for one in text[: 2 * _LONGEST])
    joined = " ".join(written.split())
    return joined if len(joined) <= _LONGEST else f"{joined[:_LONGEST]}…"
