import pytest

from tellapart.deploy.serving.pages import START, Pages
from tellapart.deploy.serving.refusals import RefusedError


def test_the_page_is_in_the_package_and_nothing_else_is_reached() -> None:
    pages = Pages()
    assert bytes(pages.response(START).body).lower().startswith(b"<!doctype html>")
    for name in ("../server.py", "__init__.py", "", "/etc/passwd", "APP.JS"):
        with pytest.raises(RefusedError) as refused:
            pages.response(name)
        assert refused.value.status == 404
