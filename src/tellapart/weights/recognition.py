"""Which of the offered files one is that somebody brought here: by its digest, else by its layout."""

from pathlib import Path

from tellapart.errors import WeightsError
from tellapart.weights.integrity import digest
from tellapart.weights.layout import Layout, backbone_of, read_layout
from tellapart.weights.pins import Pin, pins


def recognise(path: Path) -> tuple[Pin, str, str]:
    """Find out what a file of weights is.

    Returns:
        Its pin; what it was recognised by ("SHA-256", "MD5" or "layout"); its SHA-256.

    Raises:
        WeightsError: It is none of the files that are offered, or cannot be read.
    """
    if not path.is_file():
        raise WeightsError(
            f"There is no file {path}. Accepted: a file that `tellapart weights list --json` names. "
            "Next: check the path"
        )
    try:
        sha256, md5 = digest(path), digest(path, "md5")
    except OSError as problem:
        raise WeightsError(f"{path} cannot be read ({problem.strerror}). Next: mend its permissions") from problem
    for pin in pins().values():
        if not pin.built_in and pin.sha256 == sha256:
            return pin, "SHA-256", sha256
        if not pin.built_in and pin.md5 == md5:
            return pin, "MD5", sha256
    return _by_layout(path), "layout", sha256


def _by_layout(path: Path) -> Pin:
    layout = read_layout(path)
    pin = backbone_of(layout, pins())
    if layout.top_layer:
        raise WeightsError(_with_top(path, layout, pin))
    if pin is None:
        raise WeightsError(
            f"{path} is none of the files that Tellapart knows: no backbone has {layout.numbers:,} numbers. "
            "Next: tellapart weights list --json (it names the files); your own weights go with --weights FILE"
        )
    if pin.pinned_digest:
        raise WeightsError(
            f"{path} has the layout of {pin.backbone}, but not the content that is pinned for it "
            f"({pin.pinned_digest}): it is damaged, or was trained by somebody else. "
            f"Next: fetch it anew from {pin.address}, or use it as it is: --backbone {pin.backbone} --weights FILE"
        )
    return pin


def _with_top(path: Path, layout: Layout, pin: Pin | None) -> str:
    wanted = f"{pin.file} ({pin.address})" if pin else "the file of the same network whose name ends in notop"
    return (
        f"{path} holds dense layers too ('{layout.top_layer}'), and a backbone is wanted without them. "
        f"Next: tellapart weights add with {wanted}"
    )
