"""Fuzz the decoder with atheris, which sees what of Pillow's Python and of ours each input reaches.

    pip install atheris
    python tests/long/atheris_photos.py CORPUS --minutes 10

CORPUS is a folder that `fuzz_photos.py` has filled (/tmp/fuzz-photos); what reaches something new is put there too. It
stops at the first failure: another exception than ours, over 300 MB, or ten seconds (of the clock: more with --timeout
on a busy machine).
"""

import argparse
import sys
import warnings
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "src")]

with atheris.instrument_imports(include=["PIL", "tellapart"]):
    from tellapart.errors import UnreadablePhotoError
    from tellapart.photos.decode import decode, upright_size
    from tellapart.photos.look import measure


def one(content: bytes) -> None:
    """Decode an input, and measure what could be decoded."""
    try:
        picture = decode(content)
    except UnreadablePhotoError:
        return
    measure(content, picture)
    upright_size(content)


def main() -> None:
    """Parse and fuzz; libFuzzer itself ends the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--timeout", type=int, default=10, help="seconds of the clock for one input")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    limits = ["-rss_limit_mb=300", f"-timeout={chosen.timeout}", "-max_len=1000000", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(chosen.corpus), f"-max_total_time={chosen.minutes * 60:.0f}", *limits], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
