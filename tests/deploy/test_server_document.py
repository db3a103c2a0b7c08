"""The OpenAPI document against the server that it describes: requests made up from it, right ones and wrong ones."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from running_server import Running
from served_model import served_content

schemathesis = pytest.importorskip("schemathesis")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
EXAMPLES = 12  # of each kind and address; a longer run is in docs/LOG.md


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file: Path = tmp_path_factory.mktemp("described") / "model.onnx"
    file.write_bytes(served_content())
    running = Running(file, 0)
    yield running.address
    running.close()


@pytest.mark.parametrize("kind", ["positive", "negative"])
def test_no_request_is_a_fault_or_gets_what_the_document_does_not_name(address: str, kind: str) -> None:
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
    document = schemathesis.openapi.from_url(f"{address}/openapi.json")
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) == 11
    asked = 0
    for operation in operations:

        @settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=GenerationMode(kind)))
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=checks)

        with suppress(Unsatisfiable):  # nothing can be wrong with a request that takes nothing
            ask()
    assert asked > 2 * len(operations)
