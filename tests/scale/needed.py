"""What some tests need, and are skipped without: Parquet, and Ray."""

from importlib.util import find_spec

import pytest

needs_parquet = pytest.mark.skipif(not find_spec("pyarrow"), reason="pyarrow is not here: pip install tellapart[scale]")
needs_fsspec = pytest.mark.skipif(not find_spec("fsspec"), reason="fsspec is not here: pip install tellapart[scale]")
# Not imported to find out: it reads at once how it is to guard itself.
needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="Ray is not here: pip install tellapart[ray]")
