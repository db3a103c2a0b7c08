"""Shards as Parquet: the same rows give the same bytes, and others read them."""

import io
import json
import sys

import numpy as np
import pytest
from needed import needs_parquet

from tellapart.errors import MissingExtraError
from tellapart.scale.parquet import KEY, file_of, lists_of_texts, need_pyarrow, numbers, texts, vectors


@needs_parquet
def test_rows_come_back_and_bytes_are_the_same() -> None:
    from pyarrow import parquet

    def written() -> bytes:
        columns = {
            "path": texts(["a.jpg", "椅子.jpg"]),
            "p_a": numbers([float(np.float32(0.1)), None]),
            "set": lists_of_texts([["a", "b"], None]),
            "features": vectors([None, np.arange(3, dtype=np.float32)], 3),
        }
        return file_of(columns, {"kind": "test"})

    assert written() == written()
    table = parquet.read_table(io.BytesIO(written()))
    assert table.to_pylist() == [
        {"path": "a.jpg", "p_a": float(np.float32(0.1)), "set": ["a", "b"], "features": None},
        {"path": "椅子.jpg", "p_a": None, "set": None, "features": [0.0, 1.0, 2.0]},
    ]
    assert str(table.schema.field("features").type) == "fixed_size_list<element: float>[3]"
    assert json.loads(table.schema.metadata[KEY]) == {"kind": "test"}


def test_a_missing_pyarrow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    with pytest.raises(MissingExtraError, match=r"tellapart\[scale\]"):
        need_pyarrow()
