import os
import time
from pathlib import Path

import pytest

from tellapart.doctor.imports import answer_of, faults_of_imports


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of modules that other processes find."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "fails_here.py").write_text("import of_nobody_at_all")
    (tmp_path / "ends_here.py").write_text("import os; os.kill(os.getpid(), 11)")
    (tmp_path / "leaves_here.py").write_text("import os; os._exit(3)")
    (tmp_path / "quits_here.py").write_text("raise SystemExit('no licence')")
    (tmp_path / "hangs_here.py").write_text("import time; time.sleep(60)")
    (tmp_path / "talks_here.py").write_text("print('talks_here broken'); print('json ok')")
    return tmp_path


@pytest.mark.usefixtures("broken")
def test_each_way_to_be_broken_is_told_and_the_others_are_tried_all_the_same() -> None:
    names = ["fails_here", "ends_here", "leaves_here", "quits_here", "talks_here", "json"]
    found = faults_of_imports(names)
    assert set(found) == set(names)
    assert found["fails_here"] == "ModuleNotFoundError: No module named 'of_nobody_at_all'"
    assert found["ends_here"] == "it ends the process (signal 11)"
    assert found["leaves_here"] == "it ends the process (3)"
    assert found["quits_here"] == "SystemExit: no licence"
    assert (found["talks_here"], found["json"]) == ("", "")


@pytest.mark.usefixtures("broken")
def test_one_that_never_comes_back_is_not_waited_for() -> None:
    start = time.monotonic()
    found = faults_of_imports(["csv", "hangs_here", "json"], seconds=2.0)
    assert found == {"csv": "", "hangs_here": "not done after 2 s", "json": ""}
    assert time.monotonic() - start < 20


def test_a_file_of_the_current_folder_is_no_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "csv.py").write_text("raise ValueError")
    monkeypatch.chdir(here)
    assert faults_of_imports(["csv"]) == {"csv": ""}


def test_a_script_that_fails_has_no_answer() -> None:
    assert answer_of("print(2 + 1)") == "3"
    assert answer_of("raise ValueError") == ""
    assert answer_of("import time; time.sleep(60)", seconds=0.5) == ""
