"""What computing took, kept beside what was computed."""

from pathlib import Path

import pytest

from tellapart.models.kept_seconds import add_seconds, seconds_of


def test_seconds_add_up_to_a_mean_of_each_photo(tmp_path: Path) -> None:
    file = tmp_path / "seconds.json"
    assert seconds_of(file, 10, measured=7.0) == 7.0
    add_seconds(file, 10, 2.0)
    add_seconds(file, 30, 4.0)
    assert seconds_of(file, 8, measured=7.0) == pytest.approx(1.2)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"photos": 0, "seconds": 1}', '{"photos": 2, "seconds": -1}'])
def test_a_damaged_record_counts_as_none_and_is_begun_anew(tmp_path: Path, content: str) -> None:
    file = tmp_path / "seconds.json"
    file.write_text(content)
    assert seconds_of(file, 10, measured=7.0) == 7.0
    add_seconds(file, 10, 2.0)
    assert seconds_of(file, 10, measured=7.0) == pytest.approx(2.0)
