import os
import time
from pathlib import Path

import pytest

from plain_run import plain_run
from served_model import served_content
from tellapart.doctor.patient import look_at
from tellapart.errors import RunFolderError
from tellapart.files import write_bytes, write_json
from tellapart.run import claim


def found(path: Path) -> list[tuple[str, str]]:
    return [(finding.state, finding.found) for finding in look_at(path)]


def test_a_finished_run(tmp_path: Path) -> None:
    plain_run(tmp_path / "run", range(20), {"baseline": [1], "deeper": [2]})
    write_bytes(tmp_path / "run" / "model.onnx", served_content())
    assert found(tmp_path / "run") == [
        ("ok", "finished: 2 recipes, chosen is baseline"),
        ("ok", "3 classes; it answers its golden photos as it should"),
    ]


def test_a_finished_run_without_its_model(tmp_path: Path) -> None:
    plain_run(tmp_path / "run", range(20), {"baseline": [1]})
    finding = list(look_at(tmp_path / "run"))[1]
    assert finding.state == "wrong"
    assert finding.found.endswith("no such file or directory.")
    assert finding.mend == "give the model.onnx of a run folder."


def test_a_run_that_is_not_finished(tmp_path: Path) -> None:
    claim(tmp_path / "run", {"seed": 0}, resume=False)
    write_json(tmp_path / "run" / "recipes" / "baseline" / "recipe.json", {"name": "baseline"})
    (finding,) = look_at(tmp_path / "run")
    assert (finding.state, finding.found) == ("warn", "unfinished; done: baseline")
    assert "--resume" in finding.mend
    (tmp_path / "run" / "recipes" / "baseline" / "recipe.json").write_text("{")
    assert found(tmp_path / "run")[0][0] == "wrong"


@pytest.mark.parametrize("name", ["run.json", "results.json"])
@pytest.mark.parametrize("content", ["", "{", '{"format": 2}'])
def test_a_damaged_run(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    (finding,) = look_at(tmp_path)
    assert finding.state == "wrong"
    assert finding.mend


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    assert found(tmp_path) == [("wrong", "holds no run")]
    with pytest.raises(RunFolderError, match="There is no"):
        list(look_at(tmp_path / "gone"))


def test_what_a_killed_run_left(tmp_path: Path) -> None:
    claim(tmp_path, {"seed": 0}, resume=False)
    left = tmp_path / ".model.onnx.abcd1234.tmp.onnx"
    left.write_bytes(b"")
    os.utime(left, (time.time() - 99999,) * 2)
    assert found(tmp_path)[0] == ("warn", "1 unfinished files of a run that was ended")


def test_a_damaged_model(tmp_path: Path) -> None:
    write_bytes(tmp_path / "model.onnx", served_content())
    assert found(tmp_path / "model.onnx")[0][0] == "ok"
    write_bytes(tmp_path / "model.onnx", served_content()[:-100])
    assert found(tmp_path / "model.onnx")[0][0] == "wrong"
