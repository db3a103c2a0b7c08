"""docs/speed.md from `benchmarks/results/*.json`: aims and what was reached, then every timing.

python benchmarks/page.py
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).with_name("results")
PAGE: Final = Path(__file__).parent.parent / "docs" / "speed.md"
# In the order of the page; what is not named here comes behind.
ORDER: Final = ("features", "classifier", "epochs", "finetuning", "tuning", "prediction", "memory", "growth")
HEAD: Final = """# Speed

How long Tellapart takes beside stock Keras code of the kind that tutorials teach: the same photos, the same
weights, the same machine, in turn. `make bench` measures it anew and writes this page from `benchmarks/results/`;
each figure is a median with its lowest and highest. What was tried, and why an aim was missed, stands in
[LOG.md](LOG.md).
"""


def main() -> None:
    """Write the page from what was kept."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    names = [name for name in ORDER if name in found] + [name for name in found if name not in ORDER]
    PAGE.write_text("\n".join([HEAD, *(section(found[name]) for name in names)]), encoding="utf-8")


def section(told: Mapping[str, Any]) -> str:
    """One benchmark."""
    machine = told["machine"]
    lines = [
        f"## {told['benchmark'].capitalize()}",
        "",
        told["what"],
        "",
        f"{told['date']}, {machine['processor']}, {machine['cores']} cores, Keras {machine['packages']['keras']} on "
        f"{machine['backend']}, ONNX Runtime {machine['packages']['onnxruntime']}.",
        "",
    ]
    aims, reached = (dict(leaves(told.get(name, {}))) for name in ("aim", "reached"))
    if aims or reached:
        rows = [(name, shown(aims.get(name)), shown(reached.get(name))) for name in dict.fromkeys([*aims, *reached])]
        lines += table(("", "aim", "reached"), rows)
    for title, seconds in timings(told):
        rows = [(name, shown(one["median"]), f"{shown(one['low'])} to {shown(one['high'])}") for name, one in seconds]
        lines += table((title or "seconds", "median", "lowest and highest"), rows)
    return "\n".join(lines)


def leaves(found: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """What a nested record holds, each value under the names that lead to it."""
    if isinstance(found, Mapping):
        for key, value in found.items():
            yield from leaves(value, f"{name} {key}".strip())
    else:
        yield name, found


def timings(found: Any, title: str = "") -> Iterator[tuple[str, list[tuple[str, Mapping[str, float]]]]]:
    """Every table of seconds in a record, each with what it is of."""
    if isinstance(found, list):
        for one in found:
            yield from timings(one, title)
        return
    if not isinstance(found, Mapping):
        return
    own = " ".join(str(found[key]) for key in ("name", "recipe", "backbone", "size") if key in found)
    title = f"{title} {own}".strip()
    seconds = found.get("seconds")
    if isinstance(seconds, Mapping) and all(isinstance(one, Mapping) and "median" in one for one in seconds.values()):
        yield f"seconds {title}".strip(), list(seconds.items())
        return
    for key, value in found.items():
        yield from timings(value, title if key == "figures" else f"{title} {key}".strip())


def shown(value: Any) -> str:
    """A value as the page has it."""
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """The lines of a table."""
    return [
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
    ]


if __name__ == "__main__":
    main()
