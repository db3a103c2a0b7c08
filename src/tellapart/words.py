"""Numbers as people read them."""

import math
import re

from tellapart.errors import OptionError

_NO_BREAK = "\N{NO-BREAK SPACE}"
_UNITS = {"s": 1, "m": 60, "h": 3600, "": 1}


def percent(share: float, digits: int = 1) -> str:
    r"""Write a share as per cent; what is no number is a dash.

    Example:
        >>> percent(0.8431).replace("\xa0", " ")
        '84.3 %'
    """
    return f"{100 * share:.{digits}f}{_NO_BREAK}%" if math.isfinite(share) else "–"


def read_duration(text: str) -> float:
    """Read 90s, 5m or 1h into seconds.

    Raises:
        OptionError: It is none of these.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip().lower())
    if not match:
        raise OptionError(f"A time of '{text}'. Accepted: 90s, 5m, 1h. Next: a number with s, m or h behind it.")
    return float(match[1]) * _UNITS[match[2]]


def duration(seconds: float) -> str:
    r"""Write seconds in the unit that suits them.

    Example:
        >>> [duration(s).replace("\xa0", " ") for s in (0.42, 59.7, 125, 7260)]
        ['0.42 s', '1 min', '2 min 05 s', '2 h 01 min']
    """
    if seconds < 0.01:
        return f"0{_NO_BREAK}s"
    if seconds < 10:
        return f"{seconds:.2g}{_NO_BREAK}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{_NO_BREAK}s"
    large, small = ("h", "min") if whole >= 3600 else ("min", "s")
    first, second = divmod(whole // 60 if whole >= 3600 else whole, 60)
    rest = f"{_NO_BREAK}{second:02d}{_NO_BREAK}{small}" if second else ""
    return f"{first}{_NO_BREAK}{large}{rest}"


def amount(count: float) -> str:
    r"""Write a large count with three digits.

    Example:
        >>> [amount(n).replace("\xa0", " ") for n in (0, 950, 12_345, 14_714_688)]
        ['0', '950', '12.3 thousand', '14.7 million']
    """
    if count < 1000:
        return f"{count:.0f}"
    unit, size = ("million", 1e6) if count >= 999_500 else ("thousand", 1e3)
    return f"{count / size:.3g}{_NO_BREAK}{unit}"


def decimal(value: float, digits: int = 2) -> str:
    """Write a number with `digits` decimals; what is no number is a dash."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def signed(value: float, digits: int = 1) -> str:
    """Write a difference with its sign; what rounds to nothing has none, and what is no number is a dash.

    Example:
        >>> signed(4.24), signed(-0.004), signed(-0.004, 3)
        ('+4.2', '0.0', '-0.004')
    """
    if not math.isfinite(value):
        return "–"
    return f"{value:+.{digits}f}" if float(f"{value:.{digits}f}") else f"{0:.{digits}f}"


def p_value(p: float, sign: str = "= ") -> str:
    """Write a p-value: below a thousandth its size says nothing more.

    Example:
        >>> p_value(0.0212), p_value(3.8e-19), p_value(0.21, ""), p_value(3.8e-19, "")
        ('= 0.021', '< 0.001', '0.21', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{sign}{p:.2g}"


def tied(text: str) -> str:
    r"""Keep the per cent sign of a sentence on the line of its number.

    Example:
        >>> tied("94.4 % of 10").replace("\xa0", "_")
        '94.4_% of 10'
    """
    return text.replace(" %", f"{_NO_BREAK}%")


def counted(count: int, one: str, many: str = "") -> str:
    """Write a count with its noun.

    Example:
        >>> counted(1, "photo"), counted(3, "class", "classes")
        ('1 photo', '3 classes')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"
