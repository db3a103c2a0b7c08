"""Every odd file that others have collected, held against decoders that are not ours."""

import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hostile_photos import chunk
from tellapart.errors import UnreadablePhotoError
from tellapart.photos.decode import decode

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")


def magick() -> str | None:
    """ImageMagick's program, where it is there and works."""
    found = shutil.which("convert")
    works = found and subprocess.run([found, "-version"], capture_output=True, check=False).returncode == 0
    return found if works else None


MAGICK = magick()


def files_of(shared: Path, folder: str, pattern: str = "*") -> list[Path]:
    files = sorted((shared / "data" / "odd" / folder).glob(pattern))
    if not files:
        pytest.skip(f"the files of odd/{folder} are not here")
    return files


def without_gamma(content: bytes) -> bytes:
    """A PNG without its chunk gAMA: ImageMagick brightens by it, and we do not (nor does Pillow)."""
    at, kept = 8, content[:8]
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        kind = content[at + 4 : at + 8]
        kept += b"" if kind == b"gAMA" else chunk(kind, content[at + 8 : at + 8 + length])
        at += length + 12
    return kept


def by_magick(content: bytes, size: tuple[int, int]) -> np.ndarray:
    """What ImageMagick makes of a photo on white, (height, width, 3)."""
    command = [str(MAGICK), "-[0]", "-background", "white", "-flatten", "-type", "TrueColor", "-depth", "8", "rgb:-"]
    done = subprocess.run(command, input=content, capture_output=True, check=True, timeout=60)
    return np.frombuffer(done.stdout, np.uint8).reshape(size[1], size[0], 3)


@pytest.mark.slow
@pytest.mark.skipif(MAGICK is None, reason="ImageMagick is not installed")
def test_pngsuite_is_decoded_as_imagemagick_does(shared: Path) -> None:
    far = {}
    for file in files_of(shared, "pngsuite", "[!x]*.png"):
        ours = decode(file)
        theirs = by_magick(without_gamma(file.read_bytes()), ours.size)
        far[file.name] = int(np.abs(np.asarray(ours, int) - theirs).max())
    assert len(far) > 150
    assert {name: distance for name, distance in far.items() if distance > 1} == {}


@pytest.mark.skipif(MAGICK is None, reason="ImageMagick is not installed")
@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
def test_every_orientation_is_the_upright_truth_within_the_error_of_jpeg(shared: Path, shape: str) -> None:
    folder = files_of(shared, "exif_orientation")[0].parent
    upright = decode(folder / f"{shape}_1.jpg")
    truth = by_magick((folder / f"{shape}_1.jpg").read_bytes(), upright.size).astype(int)
    for orientation in range(1, 9):
        found = np.asarray(decode(folder / f"{shape}_{orientation}.jpg"), int)
        assert np.abs(found - truth).mean() < 8, orientation


def test_every_odd_file_says_the_same_each_time(shared: Path) -> None:
    """Decoded or refused, and the same at every size that is asked for."""
    for folder in ("pillow", "pngsuite", "exif_orientation"):
        for file in files_of(shared, folder):
            told = []
            for at_least in (0, 8, 224):
                try:
                    told.append(decode(file, at_least=at_least).mode)
                except UnreadablePhotoError as problem:
                    told.append(str(problem))
            assert len(set(told)) == 1, file.name
