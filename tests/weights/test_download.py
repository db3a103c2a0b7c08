import hashlib
import os
import socket
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from unsteady_server import CONTENT, HALF, QUICK, Server, server_fixture

from as_user import Notes
from tellapart.errors import StorageError, WeightsError
from tellapart.weights import download as module
from tellapart.weights.download import Wanted, download, forget_part, store_errors

__all__ = ["server_fixture"]  # pytest finds fixtures among the names of a module


def wanted(address: str, size: int | None = len(CONTENT), most: int = len(CONTENT)) -> Wanted:
    return Wanted("tiny", address, size, most)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tiny.h5.part"


def test_a_file_comes_whole(server: Server, part: Path) -> None:
    download(wanted(server.address("/good")), part, Notes(), QUICK)
    assert part.read_bytes() == CONTENT
    assert server.asked == [("/good", "")]


def test_the_bar_counts_bytes(server: Server, part: Path) -> None:
    class Bars(Notes):
        total, come, said = 0, 0, ""

        def bar(self, title: str, total: int) -> Any:
            assert title == "Fetching tiny"
            self.total = total
            return self

        def __enter__(self) -> "Bars":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def advance(self, n: int = 1) -> None:
            self.come += n

        def say(self, text: str) -> None:
            self.said = text

    bars = Bars()
    download(wanted(server.address("/good")), part, bars, QUICK)
    assert bars.total == bars.come == len(CONTENT)
    assert bars.said == "1.0 of 1.0 MB"


def test_a_connection_that_is_cut_is_taken_up_where_it_stopped(server: Server, part: Path) -> None:
    notes = Notes()
    download(wanted(server.address("/cut")), part, notes, QUICK)
    assert part.read_bytes() == CONTENT
    assert server.asked == [("/cut", ""), ("/cut", f"bytes={HALF}-")]
    assert "the connection ended after 512,000 of 1,024,000 bytes" in notes.lines[0]


def test_what_has_come_is_kept_for_the_next_command(server: Server, part: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"after 3,000 of .*; 3,000 bytes are kept in .*tiny\.h5\.part, and the same"
    ):
        download(wanted(server.address("/always_cut")), part, Notes(), QUICK)
    assert part.read_bytes() == CONTENT[:3000]
    assert len(server.asked) == QUICK.attempts
    with pytest.raises(WeightsError):
        download(wanted(server.address("/always_cut")), part, Notes(), QUICK)
    assert part.read_bytes() == CONTENT[:6000]


def test_a_file_that_is_gone_meanwhile_is_not_asked_for_again(server: Server, part: Path) -> None:
    with pytest.raises(WeightsError, match=r"404 Not Found; 512,000 bytes are kept"):
        download(wanted(server.address("/cut_then_gone")), part, Notes(), QUICK)
    assert len(server.asked) == 2


def test_a_part_of_another_version_is_not_gone_on_with(server: Server, part: Path) -> None:
    with pytest.raises(WeightsError):
        download(wanted(server.address("/always_cut")), part, Notes(), QUICK)
    server.content = CONTENT[::-1]
    with pytest.raises(WeightsError):
        download(wanted(server.address("/always_cut")), part, Notes(), QUICK)
    assert part.read_bytes() == CONTENT[::-1][:3000]


def test_a_part_from_another_address_is_not_gone_on_with(server: Server, part: Path) -> None:
    with pytest.raises(WeightsError):
        download(wanted(server.address("/always_cut")), part, Notes(), QUICK)
    server.asked.clear()
    download(wanted(server.address("/good")), part, Notes(), QUICK)
    assert server.asked == [("/good", "")]
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize("way", ["no_range", "no_tag", "other_part"])
def test_a_server_that_cannot_resume_is_asked_for_the_whole_file_again(server: Server, part: Path, way: str) -> None:
    download(wanted(server.address(f"/{way}")), part, Notes(), QUICK)
    assert part.read_bytes() == CONTENT


def test_a_server_that_never_sends_the_whole_file_is_given_up(server: Server, part: Path) -> None:
    with pytest.raises(WeightsError, match="connection ended after 512,000"):
        download(wanted(server.address("/never_whole")), part, Notes(), QUICK)
    assert len(server.asked) <= QUICK.attempts + 1


def test_a_part_that_is_whole_already_is_not_asked_for(server: Server, part: Path) -> None:
    download(wanted(server.address("/good")), part, Notes(), QUICK)
    download(wanted(server.address("/good")), part, Notes(), QUICK)
    assert len(server.asked) == 1
    forget_part(part)
    download(wanted(server.address("/good")), part, Notes(), QUICK)
    assert len(server.asked) == 2


def test_nothing_behind_the_part_means_that_it_is_whole(server: Server, part: Path) -> None:
    download(wanted(server.address("/good")), part, Notes(), QUICK)
    note = part.with_name(f"{part.name}.json")
    note.write_text(note.read_text().replace(f'"total": {len(CONTENT)}', '"total": null'))
    download(wanted(server.address("/good")), part, Notes(), QUICK)
    assert server.asked[1] == ("/good", f"bytes={len(CONTENT)}-")
    assert part.read_bytes() == CONTENT


def test_a_file_that_became_shorter_is_fetched_anew(server: Server, part: Path) -> None:
    part.parent.mkdir()
    part.write_bytes(CONTENT[:100])
    tag = hashlib.md5(CONTENT).hexdigest()
    address = server.address("/changed")
    part.with_name(f"{part.name}.json").write_text(
        f'{{"address": "{address}", "version": "\\"{tag}\\"", "total": null}}'
    )
    download(wanted(address), part, Notes(), QUICK)
    assert [asked for _, asked in server.asked] == ["bytes=100-", ""]
    assert part.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("way", "reason"),
    [
        ("long", r"offers 1,024,001 bytes, and the file has 1,024,000"),
        ("short", r"offers 10 bytes, and the file has 1,024,000"),
        ("huge", r"offers 1,000,000,000,000,000 bytes, and the file"),
        ("endless", r"sends more than 1,024,000 bytes"),
        ("nothing", r"answers 404 Not Found"),
        ("to/file", r"Redirection to url 'file:///etc/hostname' is not allowed"),
        ("to/to", r"answers 302 .*infinite loop"),
        ("garbage", r"127\.0\.0\.1: this is no HTTP"),
    ],
)
def test_what_cannot_be_the_file_is_refused_at_once(server: Server, part: Path, way: str, reason: str) -> None:
    with pytest.raises(WeightsError, match=reason) as caught:
        download(wanted(server.address(f"/{way}")), part, Notes(), QUICK)
    assert "\n" not in str(caught.value)
    assert len({path for path, _ in server.asked}) == 1, "asked again in vain"
    assert way == "endless" or not part.exists()


def test_without_a_known_size_the_largest_possible_one_is_the_limit(server: Server, part: Path) -> None:
    with pytest.raises(WeightsError, match=r"offers 1,000,000,000,000,000 bytes, and at most 2,000,000 can be"):
        download(wanted(server.address("/huge"), None, 2_000_000), part, Notes(), QUICK)
    download(wanted(server.address("/good"), None, 2_000_000), part, Notes(), QUICK)
    assert part.read_bytes() == CONTENT


def test_a_server_that_stalls_is_given_up_and_asked_for_the_rest(server: Server, part: Path) -> None:
    notes, start = Notes(), time.monotonic()
    download(wanted(server.address("/stall")), part, notes, QUICK)
    assert part.read_bytes() == CONTENT
    assert server.asked[1] == ("/stall", f"bytes={HALF}-")
    assert "timed out" in notes.lines[0]
    assert time.monotonic() - start < 2


def test_a_server_that_says_nothing_is_given_up(server: Server, part: Path) -> None:
    with pytest.raises(WeightsError, match="timed out"):
        download(wanted(server.address("/silent")), part, Notes(), QUICK)
    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again(server: Server, part: Path) -> None:
    notes = Notes()
    download(wanted(server.address("/busy")), part, notes, QUICK)
    assert part.read_bytes() == CONTENT
    assert "503" in notes.lines[0]


def test_redirects_are_followed(server: Server, part: Path) -> None:
    download(wanted(server.address("/to/cut")), part, Notes(), QUICK)
    assert part.read_bytes() == CONTENT
    assert server.asked[-1] == ("/cut", f"bytes={HALF}-")


def test_no_redirect_leads_from_https_to_http_or_to_ftp() -> None:
    handler = module._SafeRedirects()
    secure = urllib.request.Request("https://host/file")
    with pytest.raises(urllib.error.HTTPError, match="from https to http, not followed") as caught:
        handler.redirect_request(secure, None, 302, "", Message(), "http://host/file")
    caught.value.close()
    with pytest.raises(urllib.error.HTTPError, match="to ftp, not followed") as caught:
        handler.redirect_request(secure, None, 302, "", Message(), "ftp://host/file")
    caught.value.close()
    assert handler.redirect_request(secure, None, 302, "", Message(), "https://other/file").full_url


@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://host/file", "data:,x", "host/file", ""])
def test_only_http_is_opened(tmp_path: Path, address: str) -> None:
    with pytest.raises(WeightsError, match=r"Accepted: http:// or https://"):
        download(wanted(address), tmp_path / "part", Notes(), QUICK)
    with pytest.raises((urllib.error.URLError, ValueError)):
        module._opener().open(address)


def test_nobody_there_is_told_at_once(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(WeightsError, match=r"127\.0\.0\.1: .*refused"):
        download(wanted(f"http://127.0.0.1:{port}/"), part, Notes())
    assert time.monotonic() - start < 0.5


def test_a_proxy_is_used_and_named_without_its_password(
    server: Server, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("http_proxy", server.address("").replace("http://", "http://me:secret@"))
    with pytest.raises(WeightsError, match="404"):  # a proxy is asked for the whole address
        download(wanted("http://no.such.host.invalid/good"), part, Notes(), QUICK)
    assert server.asked == [("http://no.such.host.invalid/good", "")]
    monkeypatch.setenv("http_proxy", "http://me:secret@127.0.0.1:1")
    with pytest.raises(WeightsError, match=r"host\.invalid by the proxy 127\.0\.0\.1:1: .*refused") as caught:
        download(wanted("http://no.such.host.invalid/good"), part, Notes(), QUICK)
    assert "secret" not in str(caught.value)


def test_a_full_disk_keeps_what_has_come(server: Server, part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=r"disk is full\..*Next: .*TELLAPART_WEIGHTS"):
            download(wanted(server.address("/good")), part, Notes(), QUICK)
    assert len(server.asked) == 1, "a full disk is no broken connection"
    download(wanted(server.address("/good")), part, Notes(), QUICK)
    assert part.read_bytes() == CONTENT


def test_errors_of_the_store_say_how_to_move_it(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"read-only\. Next: .*TELLAPART_WEIGHTS=FOLDER"), store_errors(tmp_path):
        raise OSError(30, "Read-only file system")
    with pytest.raises(OSError, match="no child"), store_errors(tmp_path):
        raise OSError(10, "no child processes")
