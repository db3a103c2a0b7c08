"""What a million and a billion photos take, worked out from what was measured; the tables of docs/scale.md.

    python benchmarks/reckoning.py --measure     # first measures what one process alone must do, in half a minute
    python benchmarks/reckoning.py               # prints the tables
    python benchmarks/reckoning.py --write       # puts them into docs/scale.md

Measured: `benchmarks/results/scale/measured.json` (`scale.py`), `features.json` (`features.py`), `scale/driver.json`
(`--measure`), `scale/nodes.json` (`tests/long/nodes.py`). Published by others, and assumed: what stands below.
"""

import argparse
import gc
import hashlib
import json
import statistics
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any, Final

import numpy as np

RESULTS: Final = Path(__file__).parent / "results"
PAGE: Final = Path(__file__).parent.parent / "docs" / "scale.md"
BEGIN, END = "<!-- reckoning.py: begin -->", "<!-- reckoning.py: end -->"
SIZES: Final = {"1 million": 10**6, "1 billion": 10**9}

# Assumed. A reader with other figures changes them here.
CORE_HOUR: Final = 0.05  # dollars, of a rented core with 2 to 4 GB of memory
PHOTO: Final = 100_000  # bytes of a photo as it is stored
REQUEST: Final = 0.4e-6  # dollars for one object read from an object store
DELAY: Final = 0.03  # seconds until an object store answers
LINE: Final = 1.25e9  # bytes a second: 10 Gbit/s at the machine that writes
MODEL: Final = 10e6  # bytes of a model file (MobileNetV2; VGG16 has 60 MB)
CLUSTER: Final = {"1 million": 64, "1 billion": 4096}  # cores
NODE: Final = 64  # cores of a node
PIECE: Final = 2_500  # photos, as scale/copies.py has it
FETCHING: Final = 8  # photos that a worker fetches at once, as scale/seeing.py has it

# Published: https://docs.ray.io/en/latest/data/benchmark.html, 800,000 photos of ImageNet through ResNet18 by Ray Data
# 2.50 on 8 machines with one L4 each; seconds by processors a machine.
RAY_DATA: Final = {4: 456.2, 8: 195.5, 16: 144.8, 32: 111.2}
RAY_DATA_PHOTOS, RAY_DATA_MACHINES = 800_000, 8
# https://github.com/ray-project/ray/blob/master/release/release_logs/2.20.0/benchmarks/many_tasks.json and
# many_nodes.json: tasks a second, 10,000 tasks on 2,500 processors and 1,000 tasks on 250 nodes.
RAY_TASKS: Final = {"2,500 processors": 582.3, "250 nodes": 354.0}


def measured() -> dict[str, Any]:
    """All that the tables need, by name."""
    scale = json.loads((RESULTS / "scale" / "measured.json").read_text())["summary"]
    by_kind = {(row["kind"], row["rows"]): row for row in scale}
    features = json.loads((RESULTS / "features.json").read_text())
    found = {(row["backbone"], row["size"]): row["files_to_features"]["seconds"] for row in features["figures"]}
    rates = {"`pocket`, 112 px": by_kind["local", 100_000]["rate"] / 2}
    for backbone, shown in (("mobilenet_v2", "MobileNetV2"), ("vgg16", "VGG16")):
        seconds = found[backbone, 224]["tellapart"]["median"]
        rates[f"{shown}, 224 px"] = features["figures"][0]["photos"] / seconds / 2
    rounds = json.loads((RESULTS / "scale" / "nodes.json").read_text())
    quiet = [row["of"] / row["seconds of work"] for row in rounds if row["kind"] == "nothing"]
    return {
        "rates": rates,  # photos a second and core
        "local": by_kind["local", 10_000]["rate"],
        "ray": by_kind["ray", 10_000]["rate"],
        "client": statistics.median(quiet),  # tasks a second through ray://
        **json.loads((RESULTS / "scale" / "driver.json").read_text()),
    }


def tables(known: dict[str, Any]) -> str:
    """All tables, as Markdown."""
    return "\n\n".join([_computing(known), _driver(known), _bytes(known), _copies(known), _published(known)])


def _computing(known: dict[str, Any]) -> str:
    rows = [
        ["network", "photos a second and core, measured"]
        + [f"{name}: core-hours; hours on {CLUSTER[name]:,} cores; dollars" for name in SIZES]
    ]
    for network, rate in known["rates"].items():
        row = [network, f"{rate:.0f}"]
        for name, n in SIZES.items():
            hours = n / rate / 3600
            row.append(f"{_short(hours)}; {_short(hours / CLUSTER[name])}; {_short(hours * CORE_HOUR)}")
        rows.append(row)
    return _table(rows)


def _driver(known: dict[str, Any]) -> str:
    """What one process must do, whatever the cluster."""
    rows = [["of the process that asked", *(f"{name}, {size:,} a file" for name, size in _shardings())]]

    def row(title: str, *cells: str) -> None:
        rows.append([title, *cells])

    def each(what: Any) -> list[str]:
        return [what(SIZES[name], SIZES[name] / size) for name, size in _shardings()]

    row("files", *each(lambda _, shards: f"{shards:,.0f}"))
    row("going through the names, twice", *each(lambda n, _: _time(2 * n / known["names_a_second"])))
    row("tasks sent, through `ray://`", *each(lambda _, shards: _time(shards / known["client"])))
    row("files kept (written, flushed, told)", *each(lambda _, shards: _time(shards / known["shards_kept_a_second"])))
    row("so at least, however many cores", *each(lambda n, shards: _time(_serial(known, n, shards))))
    row("memory for what is told of files", *each(lambda _, shards: _size(shards * known["bytes_of_memory_a_shard"])))
    row("`_manifest.json`", *each(lambda _, shards: _size(shards * known["bytes_of_manifest_a_shard"])))
    return _table(rows)


def _serial(known: dict[str, Any], n: int, shards: float) -> float:
    """Seconds: the names once, then again beside what is sent and kept."""
    once = n / known["names_a_second"]
    return once + max(once, shards / known["client"], shards / known["shards_kept_a_second"])


def _shardings() -> list[tuple[str, int]]:
    return [("1 million", 1_000), ("1 billion", 1_000), ("1 billion", 10_000)]


def _bytes(known: dict[str, Any]) -> str:
    rows = [["moved", *SIZES, "by whom, and how fast"]]
    n = list(SIZES.values())
    rows.append(["photos read", *(_size(one * PHOTO) for one in n), "workers"])
    ceiling = FETCHING / DELAY
    told = f"{FETCHING} at once: {ceiling:.0f} a second and worker at {DELAY * 1000:.0f} ms each"
    rows.append(["requests for them, dollars", *(_short(one * REQUEST) for one in n), told])
    models = [MODEL * max(1, cores // NODE) for cores in CLUSTER.values()]
    rows.append(["the model, once a node", *map(_size, models), f"nodes of {NODE} cores"])
    for kind in ("predictions of 4 classes", "features of MobileNetV2"):
        size = known["bytes_a_row"][kind]
        told = f"to the process that asked: {_time(n[1] * size / LINE)} for the billion at 10 Gbit/s"
        rows.append([f"{kind}, {size:,.0f} bytes each", *(_size(one * size) for one in n), told])
    return _table(rows)


def _copies(known: dict[str, Any]) -> str:
    """`tellapart duplicates`: looking grows with the photos, comparing with their square."""
    rows = [["copies among", "comparisons of two pieces", "core-hours of them", "dollars", "looks kept"]]
    for title, n in (("100,000", 10**5), *SIZES.items()):
        pieces = n // PIECE
        comparisons = pieces * (pieces - 1) // 2
        hours = comparisons * known["seconds_of_processor_a_comparison"] / 3600
        told = [f"{comparisons:,}", _short(hours), _short(hours * CORE_HOUR), _size(n * known["bytes_a_row"]["looks"])]
        rows.append([title, *told])
    return _table(rows)


def _published(known: dict[str, Any]) -> str:
    rows = [
        ["Ray Data, ResNet18, 8 machines", "photos a second and graphics card", "and processor", "1 billion, hours"]
    ]
    for processors, seconds in RAY_DATA.items():
        rate = RAY_DATA_PHOTOS / seconds
        each = rate / RAY_DATA_MACHINES
        told = f"{processors} processors and one L4 each"
        rows.append([told, f"{each:.0f}", f"{each / processors:.0f}", _short(10**9 / rate / 3600)])
    ours = known["rates"]["MobileNetV2, 224 px"]
    cores = ", ".join(f"{_short(ours * RAY_DATA_MACHINES * n)} on {RAY_DATA_MACHINES * n} cores" for n in RAY_DATA)
    return _table(rows) + f"\n\nOurs without a graphics card, MobileNetV2 at 224 px, photos a second: {cores}."


def _table(rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _short(value: float) -> str:
    if value >= 100:
        return f"{float(f'{value:.2g}'):,.0f}"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{_short(seconds)} s"
    return f"{_short(seconds / 60)} min" if seconds < 5400 else f"{_short(seconds / 3600)} h"


def _size(n_bytes: float) -> str:
    for unit, factor in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= factor:
            return f"{_short(n_bytes / factor)} {unit}"
    return f"{_short(n_bytes / 1e3)} kB"


def measure() -> dict[str, Any]:
    """What one process does for names and shards, each once here."""
    from tellapart.scale.long_listing import Listing
    from tellapart.scale.tasks import Made

    n_names, n_shards = 1_000_000, 1_000
    contents = {kind: _shard(kind) for kind in ("predictions of 4 classes", "features of MobileNetV2")}
    with tempfile.TemporaryDirectory() as place:
        names = Path(place) / "names.txt"
        names.write_text("".join(f"photos/class-{number % 100:02}/{number:07}.jpg\n" for number in range(n_names)))
        start = time.process_time()  # nothing is waited for
        Listing([f"@{names}"]).read()
        listing = time.process_time() - start
        made = Made(contents["predictions of 4 classes"], {"rows": 1_000, "errors": 0})
        keeping = [_kept(Path(place) / f"out{number}", made, n_shards)[0] for number in range(3)]
        tracemalloc.start()
        _, manifest, memory = _kept(Path(place) / "traced", made, n_shards)
        tracemalloc.stop()
    comparing, looks = _compared()
    return {
        "names_a_second": n_names / listing,
        "shards_kept_a_second": n_shards / statistics.median(keeping),
        "bytes_of_memory_a_shard": memory / n_shards,
        "bytes_of_manifest_a_shard": manifest / n_shards,
        "seconds_of_processor_a_comparison": comparing,
        "bytes_a_row": {"looks": looks, **{kind: len(content) / 1_000 for kind, content in contents.items()}},
    }


def _kept(out: Path, made: Any, n_shards: int) -> tuple[float, int, int]:
    """Keep so many shards: seconds, bytes of the manifest, bytes of memory where that is traced."""
    from tellapart.scale.shards import MANIFEST, Shards
    from tellapart.scale.tasks import Task

    with Shards(out, {"kind": "predictions"}).opened() as shards:
        start = time.perf_counter()
        for number in range(n_shards):
            if number == n_shards // 10:  # what is there once is there
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
            shards.keep(Task(f"part-{number:05}.parquet", {"sources": [number]}), made)
        seconds = time.perf_counter() - start
        gc.collect()
        memory = round((tracemalloc.get_traced_memory()[0] - before) / 0.9)
        shards.finish(1_000 * n_shards)
    return seconds, (out / MANIFEST).stat().st_size, memory


def _compared() -> tuple[float, float]:
    """Compare two pieces of drawn thumbnails, none like another, on one core: seconds of processor, bytes a look."""
    from PIL import Image

    from tellapart.machine import limit_cores
    from tellapart.scale.copies import compare_shard
    from tellapart.scale.parquet import blocks, file_of, numbers, texts
    from tellapart.scale.tasks import Task

    chance = np.random.default_rng(0)

    def layer(lines: int) -> Image.Image:
        drawn = chance.integers(0, 256, (lines, lines), dtype=np.uint8)
        return Image.fromarray(drawn).resize((64, 64), Image.Resampling.BICUBIC)

    limit_cores(1)
    with tempfile.TemporaryDirectory() as place:
        pieces = []
        for piece in range(2):
            thumbnails = [Image.blend(layer(7), layer(30), 0.4).tobytes() for _ in range(PIECE)]
            digests = [hashlib.sha256(thumbnail).hexdigest() for thumbnail in thumbnails]
            columns = {"path": texts(digests), "pixels": texts(digests), "contrast": numbers([0.2] * PIECE)}
            columns |= {"thumbnail": blocks(thumbnails, 64**2), "error": texts([None] * PIECE)}
            content = file_of(columns, {})
            (Path(place) / str(piece)).write_bytes(content)
            pieces.append([str(piece), hashlib.sha256(content).hexdigest(), piece * PIECE])
        start = time.process_time()
        compare_shard(place, Task("a", {"pieces": pieces}), lambda: b"")
        return time.process_time() - start, len(content) / PIECE


def _shard(kind: str) -> bytes:
    """A file of 1,000 rows as the package writes it, of numbers by chance: real ones may be packed smaller."""
    from tellapart.scale.parquet import file_of, lists_of_texts, numbers, texts, vectors

    chance, n = np.random.default_rng(0), 1_000
    paths = texts([f"photos/class-{number % 100:02}/{number:07}.jpg" for number in range(n)])
    if kind.startswith("features"):
        features = chance.random((n, 1280), np.float32)
        return file_of({"path": paths, "features": vectors(list(features), 1280), "error": texts([None] * n)}, {})
    classes = ["bed", "chair", "sofa", "table"]
    shares = chance.dirichlet(np.full(4, 0.3), n).astype(np.float32)
    best = [classes[place] for place in shares.argmax(axis=1)]
    columns = {"path": paths, "predicted": texts(best)}
    columns |= {f"p_{name}": numbers(shares[:, place].tolist()) for place, name in enumerate(classes)}
    columns |= {"answer": texts(best), "set": lists_of_texts([[one] for one in best])}
    return file_of({**columns, "stranger": numbers(chance.random(n).tolist()), "error": texts([None] * n)}, {})


def main() -> None:
    """Measure, print, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.measure:
        (RESULTS / "scale" / "driver.json").write_text(json.dumps(measure(), indent=1) + "\n")
    told = tables(measured())
    if options.write:
        head, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n{told}\n\n{END}{rest.partition(END)[2]}")
    sys.stdout.write(told + "\n")


if __name__ == "__main__":
    main()
