"""Rows of a shard as the bytes of a Parquet file: the same rows, the same bytes."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from tellapart.errors import MissingExtraError

KEY: Final = b"tellapart"  # of the file's metadata
PROBABILITY: Final = "p_"  # before a class name: no class is mistaken for another column
FEATURES: Final = "features"


def need_pyarrow() -> None:
    """Say at once that it is missing, not after the photos were read.

    Raises:
        MissingExtraError: It is.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as problem:
        raise MissingExtraError("pyarrow", "scale") from problem


def texts(values: Sequence[str | None]) -> Any:
    """A column of texts."""
    import pyarrow as pa

    return pa.array(values, pa.string())


def lists_of_texts(values: Sequence[Sequence[str] | None]) -> Any:
    """A column of lists of texts."""
    import pyarrow as pa

    return pa.array(values, pa.list_(pa.string()))


def numbers(values: Sequence[float | None]) -> Any:
    """A column of float32."""
    import pyarrow as pa

    return pa.array(values, pa.float32())


def whole_numbers(values: Sequence[int]) -> Any:
    """A column of int64."""
    import pyarrow as pa

    return pa.array(values, pa.int64())


def blocks(values: Sequence[bytes | None], length: int) -> Any:
    """A column of so many bytes each."""
    import pyarrow as pa

    return pa.array(values, pa.binary(length))


def rows_of(content: bytes, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a Parquet file, some columns of them."""
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(content), columns=list(columns)).to_pylist()
    return rows


def vectors(values: Sequence[np.ndarray | None], length: int) -> Any:
    """A column of lists of `length` float32; null where there is none."""
    import pyarrow as pa

    nothing = np.zeros(length, np.float32)
    flat = np.concatenate([nothing if value is None else value for value in values]).astype(np.float32, copy=False)
    missing = pa.array([value is None for value in values])
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), length, mask=missing)


def file_of(columns: Mapping[str, Any], told: Mapping[str, Any]) -> bytes:
    """The bytes of a Parquet file.

    Args:
        columns: By name, as the functions above make them.
        told: What the file says of itself, kept as JSON in its metadata under `KEY`.
    """
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(dict(columns))
    table = table.replace_schema_metadata({KEY: json.dumps(told, sort_keys=True, ensure_ascii=False)})
    file = io.BytesIO()
    parquet.write_table(table, file, compression="zstd")
    return file.getvalue()
