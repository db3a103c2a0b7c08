"""The one decoder: a photo file in, upright RGB pixels out.

Training, evaluation, prediction and the server all read photos through
`decode`, so that a photo looks the same to each of them.
"""

import io
import warnings
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from tellapart.errors import UnreadablePhotoError

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
_SAMPLE_16_BIT: Final = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I"})


def decode(source: Path | bytes, *, at_least: int = 0) -> Image.Image:
    """Decode a photo: first frame, EXIF orientation applied once, RGB, transparency on white.

    Args:
        source: A file, or the bytes of one.
        at_least: Pixels a side that are needed; a JPEG that is several times as large is decoded smaller, which takes a
            fraction of the time. 0 for the whole picture.

    Returns:
        An RGB picture that no longer depends on the file.

    Raises:
        UnreadablePhotoError: The file is missing, empty, damaged, truncated, of
            another format, or over 50 megapixels.
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
        except Exception:  # as in `_upright`
            turned = False
        return (image.height, image.width) if turned else image.size


def _decode(content: bytes, megapixels: float, at_least: int) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError:
        raise UnreadablePhotoError(f"not a photo in an accepted format ({', '.join(FORMATS)})") from None
    with image:
        pixels = image.width * image.height
        if pixels > megapixels * 1_000_000:
            raise UnreadablePhotoError(f"{pixels / 1e6:.0f} megapixels; at most {megapixels:g} are accepted")
        if image.format == "PNG":
            # Pillow decodes picture data without looking at its checksums.
            Image.open(io.BytesIO(content), formats=("PNG",)).verify()
        if at_least and image.format == "JPEG":
            needed = GENEROUS * at_least
            image.draft(None, (needed, needed))  # in no other mode
        image.load()
        return _to_rgb(_upright(image))


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block: the photo is taken as it stands
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _SAMPLE_16_BIT or image.mode == "F":
        return _grey_to_rgb(np.asarray(image))
    if image.mode == "P" or image.mode.endswith(("A", "a")) or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    # `convert` gives the same object back for RGB; the copy frees it from the file.
    return image.copy() if image.mode == "RGB" else image.convert("RGB")


def _grey_to_rgb(samples: np.ndarray) -> Image.Image:
    """Bring 16-bit, 32-bit and float grey samples to 8 bits."""
    values = np.nan_to_num(samples.astype(np.float64), posinf=0.0, neginf=0.0)
    top = float(values.max(initial=0.0))
    if samples.dtype.kind == "f":
        scale = 255.0 if top <= 1.0 else 1.0
    else:
        scale = 255.0 / 65535.0 if top > 255.0 or samples.dtype.itemsize == 2 else 1.0
    grey = np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")
