"""The one decoder: a photo file in, upright RGB pixels out.

Training, evaluation, prediction and the server all read photos through
`decode`, so that a photo looks the same to each of them.
"""

import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from tellapart.errors import UnreadablePhotoError
from tellapart.photos.unpacking import LARGE, check_parts, check_room

# Counts up where the same file gives other pixels, so that what is kept of it is made anew.
DECODER: Final = "decoder 3"
# MPO is left out on purpose: Pillow's JPEG reader opens such files by itself,
# and naming MPO here makes `Image.open` raise KeyError.
FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"}
)
MEGAPIXELS: Final = 50
MEGABYTES: Final = 500  # 50 megapixels of four 16-bit samples, not compressed, take 400
# Pillow warns of corrupt EXIF, odd palettes and the like while it decodes; each photo is
# either decoded or named with its reason, and a warning for each is only noise. Filters
# cannot be set around one call, as decoding runs in threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

# A large JPEG is decoded at 1/2, 1/4 or 1/8 where both sides are still this many times what is needed: resizing then
# averages as before, and what is below it, nearly every photo but those of phones, is decoded as it always was.
GENEROUS: Final = 2
_TURNED: Final = frozenset({5, 6, 7, 8})  # EXIF orientations that lie on their side
_ORIENTATION: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_PIECE: Final = 1 << 20  # pixels of a large photo that are converted together
_SHADES: Final = np.rint(np.arange(65536) / 257).astype(np.uint8)  # of 16-bit grey samples


def decode(source: Path | bytes, *, at_least: int = 0) -> Image.Image:
    """Decode a photo: first frame, EXIF orientation applied once, RGB, transparency on white.

    Args:
        source: A file, or the bytes of one.
        at_least: Pixels a side that are needed; a JPEG that is several times as large is decoded smaller, which takes a
            fraction of the time. 0 for the whole picture.

    Returns:
        An RGB picture that no longer depends on the file; a photo of over 25 megapixels at half its size.

    Raises:
        UnreadablePhotoError: The file is missing, empty, damaged, truncated, of
            another format, over 50 megapixels, or unpacks to far more than its size lets expect.
    """
    return decode_bytes(source if isinstance(source, bytes) else read(source), megapixels=MEGAPIXELS, at_least=at_least)


def decode_bytes(content: bytes, *, megapixels: float = MEGAPIXELS, at_least: int = 0) -> Image.Image:
    """Decode the bytes of a photo as `decode` does, with a limit of one's own.

    Args:
        content: A whole file.
        megapixels: How large the photo may be; it is read from the header, before anything is decoded.
        at_least: As for `decode`.

    Raises:
        UnreadablePhotoError: As for `decode`.
    """
    if not content:
        raise UnreadablePhotoError("the file is empty")
    try:
        return _decode(content, megapixels, at_least)
    except UnreadablePhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as problem:
        raise UnreadablePhotoError(f"larger than {megapixels:g} megapixels") from problem
    except Exception as problem:
        # Pillow's readers meet hostile bytes with nearly any exception (struct.error,
        # KeyError, ZeroDivisionError, MemoryError); each means "cannot be read".
        reason = " ".join(str(problem).split())[:120] or type(problem).__name__
        raise UnreadablePhotoError(f"truncated or damaged ({reason})") from problem


def read(path: Path) -> bytes:
    """Read a photo's bytes.

    Raises:
        UnreadablePhotoError: There is no such file, it may not be read, or it is no photo's size.
    """
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode) and not S_ISDIR(status.st_mode):
            raise UnreadablePhotoError("not a regular file")  # reading from a pipe would never end
        if status.st_size > MEGABYTES * 1_000_000:
            raise UnreadablePhotoError(f"{status.st_size / 1e6:.0f} MB; at most {MEGABYTES} are accepted")
        return path.read_bytes()
    except OSError as problem:
        raise UnreadablePhotoError((problem.strerror or str(problem)).lower()) from problem


def upright_size(content: bytes) -> tuple[int, int]:
    """Width and height of a photo that can be decoded, as it stands upright; nothing of it is decoded."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        try:
            turned = image.getexif().get(_ORIENTATION) in _TURNED
        except Exception:  # as in `_orientation`
            turned = False
        width, height = getattr(image, "_tile_size", image.size)  # the size of a TIFF is that of the turned picture
        return (height, width) if turned else (width, height)


def _decode(content: bytes, megapixels: float, at_least: int) -> Image.Image:
    check_parts(content)
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise UnreadablePhotoError(f"not a photo in an accepted format ({', '.join(FORMATS)})") from None
    with image:
        pixels = image.width * image.height
        if pixels > megapixels * 1_000_000:
            raise UnreadablePhotoError(f"{pixels / 1e6:.0f} megapixels; at most {megapixels:g} are accepted")
        check_room(image, content)
        if image.format == "PNG":
            # Pillow decodes picture data without looking at its checksums.
            Image.open(io.BytesIO(content), formats=("PNG",)).verify()
        if image.format in {"JPEG", "MPO"}:
            _draft(image, at_least)
        image.load()
        turn = _TURNS.get(_orientation(image))  # Pillow turns a TIFF itself while it loads it, and then says so
        picture = _to_rgb(image)
    picture.info.clear()  # the orientation above all: it would be applied again to a copy that is saved
    del image  # a large photo stands in memory once while it is turned
    return picture if turn is None else picture.transpose(turn)


def _draft(image: Image.Image, at_least: int) -> None:
    """Have a JPEG decoded smaller: as small as is needed, and a large one at half its size in any case."""
    needed = GENEROUS * at_least
    if image.width * image.height > LARGE:
        half = (image.width // 2, image.height // 2)
        image.draft(None, (min(needed, half[0]), min(needed, half[1])) if needed else half)  # in no other mode
    elif needed:
        image.draft(None, (needed, needed))


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block: the photo is taken as it stands
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    """A picture of its own in RGB; a large one at half its size, each two by two pixels as one.

    It is converted piece by piece: some conversions take five times the memory of the picture.
    """
    convert, shrink = _converter(image), 2 if image.width * image.height > LARGE else 1
    if image.width * image.height <= _PIECE:
        return convert(image)
    whole = Image.new("RGB", (-(-image.width // shrink), -(-image.height // shrink)))
    for box in _boxes(image.size):
        piece = convert(image.crop(box))
        whole.paste(piece.reduce(shrink) if shrink > 1 else piece, (box[0] // shrink, box[1] // shrink))
    return whole


def _boxes(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Pieces of a picture, from the top left; each begins at an even place."""
    width, height = size
    across = min(width + width % 2, _PIECE)
    down = max(2, _PIECE // across // 2 * 2)
    for top in range(0, height, down):
        for left in range(0, width, across):
            yield left, top, min(left + across, width), min(top + down, height)


def _converter(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """How the pixels of a photo, or some of them, become RGB."""
    if image.mode.startswith("I;16"):
        return lambda piece: Image.fromarray(_SHADES[np.asarray(piece)]).convert("RGB")
    if image.mode in {"I", "F"}:
        top = max(_brightest(np.asarray(image.crop(box))) for box in _boxes(image.size))
        return lambda piece: _grey_to_rgb(np.asarray(piece), top)
    if image.mode == "P" or image.mode.endswith(("A", "a")) or "transparency" in image.info:
        return _on_white
    # `convert` gives the same object back for RGB; the copy frees it from the file.
    return lambda piece: piece.copy() if piece.mode == "RGB" else piece.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


def _brightest(samples: np.ndarray) -> float:
    """The largest sample that is a number, or 0."""
    if samples.dtype.kind == "f":
        return float(samples.max(initial=0.0, where=np.isfinite(samples)))
    return float(samples.max(initial=0))


def _grey_to_rgb(samples: np.ndarray, top: float) -> Image.Image:
    """Bring 32-bit and float grey samples to 8 bits; `top` is the brightest of the photo."""
    values = np.nan_to_num(samples.astype(np.float64), posinf=0.0, neginf=0.0)
    of_floats, of_numbers = 255.0 if top <= 1.0 else 1.0, 255.0 / 65535.0 if top > 255.0 else 1.0
    scale = of_floats if samples.dtype.kind == "f" else of_numbers
    grey = np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")
