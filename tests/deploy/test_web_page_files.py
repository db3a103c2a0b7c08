"""The files of the server's page, as they lie in the package: all there, all plain, nothing from elsewhere."""

import re
from pathlib import Path

import pytest

import tellapart

FOLDER = Path(tellapart.__file__).parent / "deploy" / "web"
FILES = sorted(FOLDER.iterdir())


def test_what_the_page_loads_is_there_and_what_is_there_is_loaded() -> None:
    start = (FOLDER / "index.html").read_text(encoding="utf-8")
    wanted = set(re.findall(r'(?:src|href)="static/([^"]+)"', start))
    for file in FOLDER.glob("*.js"):
        wanted |= set(re.findall(r'from "\./([^"]+)"', file.read_text(encoding="utf-8")))
    assert wanted | {"index.html"} == {file.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_they_are_small_and_the_content_policy_lets_them_be(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 350
    # The name space of SVG is an address that nobody asks for.
    assert re.findall(r"(?:https?:)?//[\w.-]+\.\w+", text.replace("http://www.w3.org/2000/svg", "")) == []
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    assert not re.search(r"localStorage|sessionStorage|indexedDB|document\.cookie", text)
    if file.suffix == ".html":
        assert not re.search(r"<style|<script(?![^>]+src=)|\sstyle=|\son\w+=", text)
