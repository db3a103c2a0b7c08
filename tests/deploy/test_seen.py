from pathlib import Path

import pytest
from remembering import remembering
from tiny_model import with_passport

from tellapart.deploy.runtime import Model
from tellapart.deploy.seen import Seen, seen_by
from tellapart.errors import RunFolderError


def known(seen: Seen) -> dict[str, tuple[bool, bool]]:
    return {
        photo.path: (seen.has_learned(photo.content), seen.has_tested(photo.content))
        for photo in remembering().photos.items
    }


EXPECTED = {"train": (True, False), "valid": (True, False), "test": (False, True)}


def test_the_model_file_says_it() -> None:
    seen = seen_by(remembering().model.passport, None, None)
    assert seen.source == "the model file"
    assert known(seen) == {path: EXPECTED[part] for path, part in remembering().parts.items()}
    assert not seen.has_learned("f" * 64)


@pytest.mark.parametrize("place", ["model.onnx", "recipes/baseline/model.onnx"])
def test_an_early_file_is_helped_by_its_run_folder(tmp_path: Path, place: str) -> None:
    run = remembering().write_run(tmp_path / "run")
    passport = Model((run / "model.onnx").read_bytes(), "model.onnx").passport
    seen = seen_by(passport, run / place, None)
    assert str(run) in seen.source
    assert known(seen) == {path: EXPECTED[part] for path, part in remembering().parts.items()}
    assert known(seen_by(passport, None, run)) == known(seen)


def test_where_nothing_is_known_it_says_so(tmp_path: Path) -> None:
    passport = Model(remembering().forgetful(), "model.onnx").passport
    for file in (None, tmp_path / "model.onnx"):
        seen = seen_by(passport, file, None)
        assert not seen.source
        assert "--run RUN" in seen.why


def test_the_run_of_another_model_is_refused_where_named_and_passed_over_where_found(tmp_path: Path) -> None:
    run = remembering().write_run(tmp_path / "run")
    table = (run / "photos.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (run / "photos.csv").write_text("".join(table[:-1]), encoding="utf-8")
    passport = Model(remembering().forgetful(), "model.onnx").passport
    with pytest.raises(RunFolderError, match="the run of another model"):
        seen_by(passport, None, run)
    assert not seen_by(passport, run / "model.onnx", None).source
    with pytest.raises(RunFolderError, match=r"has no photos\.csv"):
        seen_by(passport, None, tmp_path)


def test_with_folds_all_photos_were_learned_from(tmp_path: Path) -> None:
    run = remembering().write_run(tmp_path / "run")
    text = (run / "split.csv").read_text(encoding="utf-8").replace(",test,", ",fold-1,").replace(",train,", ",fold-2,")
    (run / "split.csv").write_text(text.replace(",valid,", ",fold-3,"), encoding="utf-8")
    seen = seen_by(Model(remembering().forgetful(), "model.onnx").passport, None, run)
    assert set(known(seen).values()) == {(True, False)}


def test_a_passport_of_another_hand() -> None:
    broken = with_passport(remembering().content, lambda passport: passport.update(reference={"train": 1}))
    with pytest.raises((KeyError, TypeError)):
        seen_by(Model(broken, "model.onnx").passport, None, None)
