"""A shard of features holds what the backbone gives."""

import hashlib
import io
from pathlib import Path

import numpy as np
from needed import needs_parquet

from photo_maker import noise, save
from tellapart.models import pocket
from tellapart.models.backbone_file import POOLED, backbone_onnx
from tellapart.models.backbones import find_backbone
from tellapart.models.forward import Forward
from tellapart.photos.pixels import PixelSpec, read_pixels
from tellapart.scale.feature_shard import embed_shard
from tellapart.scale.tasks import Task


@needs_parquet
def test_a_shard_holds_the_features_of_its_photos(tmp_path: Path) -> None:
    from pyarrow import parquet

    backbone, spec = find_backbone("pocket"), PixelSpec(32, scaling="-1 to 1")
    content = backbone_onnx(backbone, spec.size, pocket.FILE, tmp_path / "cache")
    paths = [save(noise(number), tmp_path / f"{number}.png") for number in range(6)]
    inputs = {
        "sources": [*map(str, paths), "gone.png"],
        "model": hashlib.sha256(content).hexdigest(),
        "backbone": "pocket",
        "pixels": spec.as_dict(),
        "length": pocket.CHANNELS,
    }
    made = embed_shard(Task("a", inputs), lambda: content)
    assert made.facts == {"rows": 7, "errors": 1, "missing": 1}
    table = parquet.read_table(io.BytesIO(made.content))
    rows = table.to_pylist()
    assert rows[-1] == {"path": "gone.png", "features": None, "error": "no such file or directory"}
    pictures = np.stack([read_pixels(path, spec) for path in paths])
    wanted = Forward(content).named_outputs(pictures)[POOLED]
    assert np.array_equal(np.array([row["features"] for row in rows[:-1]], np.float32), wanted)
