"""Fuzz the decoder with photos that were altered, in child processes under a clock and a watch of their memory.

    python tests/long/fuzz_photos.py --minutes 60 --photos ../shared/data/odd

The corpus is the files of that folder and some drawn photos. Each round alters one of them (bits, numbers, pieces,
whole chunks with a checksum that fits, a piece of another file), and does with it what a run does: scans it, and reads
it for a network. What ends in a way that was not seen before joins the corpus. A failure is any exception but our own,
a process that dies, over 300 MB of a whole process, or over a second of its processor time for one of the two. The
input of each failure is kept. `--hostile` runs the photos of `hostile_photos` instead, each in a process of its own.
"""

import argparse
import hashlib
import json
import random
import re
import struct
import subprocess
import sys
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / "src"), str(HERE.parent)]

from watched_child import keep_current, one_child, processor_minutes  # noqa: E402

from hostile_photos import HOSTILE, as_bytes, chunk  # noqa: E402
from photo_maker import noise, quarters  # noqa: E402
from tellapart.errors import UnreadablePhotoError  # noqa: E402
from tellapart.memory import peak_mb, start_peak  # noqa: E402
from tellapart.photos.listing import Listed  # noqa: E402
from tellapart.photos.pixels import GEOMETRIES, PixelSpec, read_pixels  # noqa: E402
from tellapart.photos.scan import Photo, inspect  # noqa: E402

MEGABYTES: Final = 300
SECONDS: Final = 1.0
LONGEST: Final = 10_000_000  # bytes of a file
A_CHILD: Final = 20_000  # rounds; then another child begins with the same corpus
GROWN: Final = 3_000  # files that may join the corpus
NUMBERS: Final = (0, 1, 2, 7, 8, 16, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
MARKS: Final = (
    *(b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"eXIf", b"acTL", b"fcTL", b"VP8 ", b"VP8L", b"VP8X", b"ANIM", b"ANMF"),
    *(b"\xff\xda", b"\xff\xc0", b"\xff\xc2", b"\xff\xe1", b"Exif\0\0", b"\x21\xf9", b"\x2c"),
)
KINDS: Final[tuple[tuple[str, str, dict[str, object]], ...]] = (
    *(("JPEG", mode, {}) for mode in ("RGB", "L", "CMYK")),
    ("JPEG", "RGB", {"progressive": True}),
    *(("PNG", mode, {}) for mode in ("RGB", "RGBA", "LA", "P", "1", "I;16")),
    ("WEBP", "RGB", {}),
    ("WEBP", "RGBA", {"lossless": True}),
    *(("GIF", "P", {}), ("BMP", "RGB", {}), ("BMP", "P", {})),
    *(
        ("TIFF", "RGB", dict[str, object](compression=way))
        for way in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")
    ),
    ("TIFF", "1", {"compression": "group4"}),
    *(("TIFF", mode, {}) for mode in ("F", "I;16", "CMYK")),
)


def drawn() -> Iterator[tuple[str, bytes]]:
    """Small photos of every format and mode."""
    exif = ((0x0112, 6), (0x010F, "Maker"), (0x011A, 72.0))
    for kind, mode, how in KINDS:
        picture = quarters().convert("I").convert(mode) if mode == "I;16" else quarters().convert(mode)
        told = picture.getexif()
        for tag, value in exif:
            told[tag] = value
        extra: dict[str, object] = {"exif": told} if kind in {"JPEG", "PNG", "WEBP"} else {}
        yield f"drawn {kind} {mode} {how}", as_bytes(picture, kind, **how, **extra)
    for kind in ("GIF", "WEBP", "PNG", "MPO"):
        yield f"drawn {kind} of frames", as_bytes(noise(1), kind, save_all=True, append_images=[noise(2), noise(3)])


def corpus_of(folder: Path) -> dict[str, bytes]:
    """The files to begin with, by name."""
    found = {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    kept = {name: content for name, content in found.items() if len(content) < LONGEST and not name.endswith(".md")}
    return kept | dict(drawn())


def altered(content: bytes, other: bytes, dice: random.Random) -> bytes:
    """A file altered in one to four ways; its signature mostly stays, as without it nothing is looked at."""
    sign = content[:12] if dice.randrange(8) else b""
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 4))):
        content = dice.choice(ALTERATIONS)(content or b"\0", other, dice)
    return (sign + content[len(sign) :])[:LONGEST]


def _bits(content: bytes, _: bytes, dice: random.Random) -> bytes:
    bits = bytearray(content)
    for _round in range(dice.choice((1, 1, 2, 4, 16))):
        bits[dice.randrange(min(len(bits), dice.choice((64, 1024, len(bits)))))] ^= 1 << dice.randrange(8)
    return bytes(bits)


def _number(content: bytes, _: bytes, dice: random.Random) -> bytes:
    shape = dice.choice((">B", ">H", "<H", ">I", "<I", "<Q"))
    size = struct.calcsize(shape)
    place = dice.randrange(max(1, min(len(content), dice.choice((64, 1024, len(content))))))
    value = dice.choice((*NUMBERS, dice.getrandbits(32), len(content))) & ((1 << 8 * size) - 1)
    return content[:place] + struct.pack(shape, value) + content[place + size :]


def _cut(content: bytes, _: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content))]


def _without(content: bytes, _: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(content))
    return content[:place] + content[place + dice.choice((1, 2, 4, 16, 256)) :]


def _again(content: bytes, _: bytes, dice: random.Random) -> bytes:
    place, times = dice.randrange(len(content)), dice.choice((1, 1, 3, 100, 2000))
    piece = content[place : place + dice.choice((1, 4, 16, 64, 1024))]
    return content[:place] + piece * times + content[place:]


def _of_another(content: bytes, other: bytes, dice: random.Random) -> bytes:
    place, start = dice.randrange(len(content)), dice.randrange(max(1, len(other)))
    length = dice.choice((4, 16, 64, 256, 4096))
    return content[:place] + other[start : start + length] + content[place + length * dice.randrange(2) :]


def _mark(content: bytes, _: bytes, dice: random.Random) -> bytes:
    """Something after one of the marks that formats are made of."""
    places = [place for mark in MARKS if (place := content.find(mark)) >= 0]
    at = dice.choice(places or [0]) + dice.randrange(24)
    return content[:at] + dice.randbytes(dice.choice((1, 2, 4))) + content[at + dice.choice((1, 2, 4)) :]


def _checked(content: bytes, _: bytes, dice: random.Random) -> bytes:
    """A PNG with a chunk altered and every checksum right, so that what is behind them is reached."""
    if not content.startswith(b"\x89PNG"):
        return _bits(content, b"", dice)
    chunks = list(_chunks(content))
    if not chunks:
        return content
    place = dice.randrange(len(chunks))
    kind, data = chunks[place]
    if kind == b"IDAT" and dice.randrange(2):
        data = _packed(data, dice)
    elif data:
        data = dice.choice((_bits, _number, _without, _again))(data, b"", dice)
    chunks[place : place + 1] = [(kind, data)] * dice.choice((0, 1, 1, 1, 1, 1, 2))
    return content[:8] + b"".join(chunk(name, inside) for name, inside in chunks)


def _packed(data: bytes, dice: random.Random) -> bytes:
    unpacked = zlib.decompressobj()
    try:
        rows = unpacked.decompress(data, 1 << 20)
    except zlib.error:
        return data
    return zlib.compress(_bits(rows or b"\0", b"", dice))


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        yield kind, content[at + 8 : at + 8 + length]
        at += length + 12


Alteration = Callable[[bytes, bytes, random.Random], bytes]
ALTERATIONS: Final[tuple[Alteration, ...]] = (
    _bits, _bits, _number, _number, _number, _cut, _without, _again, _of_another, _mark, _mark, _checked, _checked,
)  # fmt: skip


class Took:
    """Seconds of the processor that the dearest of some steps took."""

    seconds = 0.0

    def of(self, step: Callable[[], Any]) -> Any:
        """Do a step."""
        began = time.process_time()
        try:
            return step()
        finally:
            self.seconds = max(self.seconds, time.process_time() - began)


def used(file: Path, took: Took) -> str:
    """Do with a file what a run does: scan it, and read it for a network; how it ended, in words."""
    found = took.of(lambda: inspect(file.parent, Listed(file.name, "")))
    spec = PixelSpec(224, GEOMETRIES[file.stat().st_size % len(GEOMETRIES)])
    try:
        pixels = took.of(lambda: read_pixels(file, spec))
    except UnreadablePhotoError as problem:
        if "\n" in str(problem) or not str(problem):
            return f"FAILED: a reason of several lines or of none: {problem!r}"
        if isinstance(found, Photo):
            return f"FAILED: scanned, and not read: {problem}"
        return f"refused: {_without_numbers(str(problem))}"
    if pixels.shape != (224, 224, 3) or not isinstance(found, Photo):
        return f"FAILED: read, and {found}"
    return "decoded"


def _without_numbers(reason: str) -> str:
    """A reason without what is another in each file: bytes, numbers, what a library cites."""
    return re.sub(r"[\d.,×]+", "N", re.sub(r"""b'.*|b".*""", "BYTES", reason))[:60]


def child(spec: dict[str, Any]) -> None:
    """Rounds of one child: a line of JSON for each new ending and each failure, and one at the end."""
    warnings.filterwarnings("ignore")
    folder = Path(spec["folder"])
    # Names, not bytes: what the corpus takes would count as what a photo takes. The first ones have their own turns, as
    # most of what is altered twice is refused by its first bytes.
    corpus = sorted(folder.glob("*.corpus"))
    first = [path for path in corpus if len(path.stem) == len("00000")]
    dice, until = random.Random(spec["seed"]), time.monotonic() + spec["seconds"]
    seen: set[str] = set(spec["seen"])
    tally: Counter[str] = Counter()
    most_mb, most_seconds, rounds = 0.0, 0.0, 0
    current = folder / "current.bin"
    while rounds < spec["rounds"] and time.monotonic() < until:
        rounds += 1
        parent = dice.choice(first if dice.randrange(2) else corpus)
        content = altered(parent.read_bytes(), dice.choice(corpus).read_bytes(), dice)
        current.write_bytes(content)
        start_peak()
        took = Took()
        try:
            ending = used(current, took)
        except BaseException as problem:  # that is what is looked for
            ending = f"FAILED: {type(problem).__name__}: {problem}"
        seconds, megabytes = took.seconds, peak_mb()
        most_mb, most_seconds = max(most_mb, megabytes), max(most_seconds, seconds)
        tally[ending] += 1
        if seconds > SECONDS or megabytes > MEGABYTES:
            ending = f"FAILED: {seconds:.2f} s, {megabytes:.0f} MB: {ending}"
        if ending.startswith("FAILED"):
            kept = folder / f"failed-{hashlib.sha256(content).hexdigest()[:12]}.bin"
            kept.write_bytes(content)
            say({"failed": ending, "file": str(kept)})
        sign = f"{ending} {parent.stem[:5]} {seconds > SECONDS / 10} {megabytes > MEGABYTES / 2}"
        is_new = sign not in seen and len(seen) < GROWN and "not a photo" not in ending
        if is_new and len(content) < 1_000_000:
            seen.add(sign)
            say({"sign": sign})
            kept = folder / f"{parent.stem[:5]}-{hashlib.sha256(content).hexdigest()[:16]}.corpus"
            kept.write_bytes(content)
            corpus.append(kept)
    say({"rounds": rounds, "tally": tally, "megabytes": most_mb, "seconds": most_seconds})


def say(line: dict[str, Any]) -> None:
    """A line of JSON to standard output."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def all_rounds(folder: Path, minutes: float, seed: int) -> dict[str, Any]:
    """Run children, one after the other, until the time is over."""
    until = time.monotonic() + 60 * minutes
    total: dict[str, Any] = {
        "rounds": 0,
        "tally": Counter(),
        "megabytes": 0.0,
        "seconds": 0.0,
        "failed": [],
        "children": 0,
    }
    seen: list[str] = []
    while time.monotonic() < until:
        spec = {"folder": str(folder), "seed": seed + total["children"], "seen": seen, "rounds": A_CHILD}
        lines, status = one_child(__file__, {**spec, "seconds": until - time.monotonic()})
        total["children"] += 1
        for line in lines:
            seen.extend([line["sign"]] if "sign" in line else [])
            total["failed"].extend([line] if "failed" in line else [])
            if "rounds" in line:
                total["rounds"] += line["rounds"]
                total["tally"].update(line["tally"])
                total["megabytes"] = max(total["megabytes"], line["megabytes"])
                total["seconds"] = max(total["seconds"], line["seconds"])
        if status != 0:
            kept = keep_current(folder, f"failed-{total['children']}.bin")
            total["failed"].append({"failed": f"the process died: {status}", "file": str(kept)})
        total["processor minutes"] = processor_minutes()
        (folder / "so-far.json").write_text(json.dumps(total, indent=1))
    return total


def hostile_one_by_one(only: str) -> list[dict[str, Any]]:
    """What each hostile photo takes: each in a process of its own, whose memory is counted whole."""
    script = (
        "import sys, time, json; sys.path[:0] = {path!r}\n"
        "import fuzz_photos as fuzz\n"
        "fuzz.warnings.filterwarnings('ignore')\n"
        "fuzz.start_peak(); took = fuzz.Took(); ending = fuzz.used(fuzz.Path(sys.argv[1]), took)\n"
        "print(json.dumps(dict(ending=ending, seconds=round(took.seconds, 3), megabytes=fuzz.peak_mb())))"
    ).format(path=[str(HERE), str(HERE.parent), str(HERE.parent.parent / "src")])
    rows = []
    file = Path(f"/tmp/hostile-{random.getrandbits(32)}.bin")
    for name, make in HOSTILE.items():
        if only not in name:
            continue
        file.write_bytes(make())
        done = subprocess.run([sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=False)
        told = json.loads(done.stdout) if done.returncode == 0 else {"ending": f"FAILED: {done.stderr[-300:]}"}
        rows.append({"name": name, "bytes": file.stat().st_size, **told})
        say(rows[-1])
    file.unlink(missing_ok=True)
    return rows


def main() -> int:
    """Parse, fuzz, tell; 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--photos", type=Path, default=HERE.parents[2] / "shared" / "data" / "odd")
    parser.add_argument("--work", type=Path, default=Path("/tmp/fuzz-photos"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hostile", nargs="?", const="", help="only the hostile photos of that name, each alone")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(json.loads(chosen.child.read_text()))
        return 0
    if chosen.hostile is not None:
        rows = hostile_one_by_one(chosen.hostile)
        return int(any(row["ending"].startswith("FAILED") or row["seconds"] > SECONDS for row in rows))
    chosen.work.mkdir(parents=True, exist_ok=True)
    begin = corpus_of(chosen.photos)
    for number, content in enumerate(begin.values()):
        (chosen.work / f"{number:05}.corpus").write_bytes(content)
    total = all_rounds(chosen.work, chosen.minutes, chosen.seed)
    total["corpus"] = {"at first": len(begin), "at last": len(list(chosen.work.glob("*.corpus")))}
    total["tally"] = dict(total["tally"].most_common(60))
    sys.stdout.write(json.dumps(total, indent=1) + "\n")
    return int(bool(total["failed"]))


if __name__ == "__main__":
    sys.exit(main())
