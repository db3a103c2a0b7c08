"""A folder of 100,000 photos: how long the scan and a whole `fit --recipes majority` take, and how much memory.

    python tests/long/many_files.py --files 100000 --fit

The photos are 16 pixels wide, of noise, each another; half of the files are hard links to earlier ones, as people
keep copies. Each part runs in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from PIL import Image

N_CLASSES: Final = 10
_SCAN: Final = """
import sys
from pathlib import Path
from tellapart.photos.scan import scan
found = scan(Path(sys.argv[1]))
print(len(found.items), "photos,", len(found.excluded), "left out")
"""


def draw(root: Path, n_files: int) -> None:
    """Write the photos, in folders of as many each."""
    generator = np.random.default_rng(0)
    first: list[Path] = []
    for number in range(n_files):
        path = root / f"class {number % N_CLASSES}" / f"{number:06}.png"
        path.parent.mkdir(exist_ok=True)
        if number < (n_files + 1) // 2:
            Image.fromarray(generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path, compress_level=0)
            first.append(path)
        else:
            path.hardlink_to(first[number - (n_files + 1) // 2])


def measured(words: list[str]) -> str:
    """Run a process: what it told last, its seconds, and the most memory that any so far has taken."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = (done.stdout or done.stderr).strip().splitlines()[-1:]
    processor = usage.ru_utime + usage.ru_stime - before.ru_utime - before.ru_stime
    spent = f"{seconds:.0f} s, {processor:.0f} s of processor, {usage.ru_maxrss >> 10} MB"
    return f"status {done.returncode}, {told}: {spent}"


def main() -> None:
    """Draw, scan, and fit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--fit", action="store_true", help="a whole fit --recipes majority as well")
    options = parser.parse_args()
    with TemporaryDirectory() as place:
        photos = Path(place) / "photos"
        photos.mkdir()
        began = time.monotonic()
        draw(photos, options.files)
        sys.stdout.write(f"{options.files} files drawn in {time.monotonic() - began:.0f} s\n")
        sys.stdout.write(f"scan: {measured(['-c', _SCAN, str(photos)])}\n")
        sys.stdout.flush()
        if options.fit:
            words = ["-m", "tellapart.cli", "fit", str(photos), "--out", f"{place}/run", "--recipes", "majority"]
            sys.stdout.write(f"scan and fit: {measured(words)}\n")


if __name__ == "__main__":
    main()
