"""One file over HTTP, resumed where it stopped, its size checked before and while it comes.

What has come lies in `<file>.part`; `<file>.part.json` beside it says from where
and of which version, so that the end of one file is never put behind the start
of another.
"""

import http.client
import json
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tellapart.errors import StorageError, WeightsError
from tellapart.files import make_folder, read_json, storage_errors, write_json
from tellapart.progress import Progress

_CHUNK: Final = 1 << 20
# So much more than ever before must have come for a broken connection not to count as a failure.
_HEADWAY: Final = 1 << 20
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_ACCEPTED: Final = "Accepted: http:// or https://."


@dataclass(frozen=True)
class Patience:
    """How long a download waits.

    Attributes:
        seconds: Without a byte, before a connection is given up.
        attempts: Failures in a row, before the download is given up.
        pause: Seconds before the second attempt; each later pause is twice as long.
    """

    seconds: float = 20.0
    attempts: int = 4
    pause: float = 1.0


@dataclass(frozen=True)
class Wanted:
    """What is to be fetched.

    Attributes:
        title: What is told beside the bar.
        address: http or https.
        size: In bytes; None where it is not known.
        most: Bytes; more is refused.
    """

    title: str
    address: str
    size: int | None
    most: int


@dataclass(frozen=True)
class _Origin:
    """Where a part comes from: an address, the version there (ETag or date), its whole size."""

    address: str
    version: str | None
    total: int | None


class _TroubleError(Exception):
    """An attempt failed: the server refused, it was not reached, or the connection broke."""

    def __init__(self, kind: Literal["refused", "unreached", "broken"], reason: str) -> None:
        super().__init__(" ".join(reason.split()))
        self.kind = kind


class _OtherPartError(_TroubleError):
    """The server goes on at another byte, or in another file, than was asked for."""

    def __init__(self, reason: str) -> None:
        super().__init__("broken", reason)


def download(wanted: Wanted, part: Path, progress: Progress, patience: Patience | None = None) -> None:
    """Bring a file into `part`, going on where an earlier attempt or process stopped.

    A server that was never reached is not asked again: on a closed network waiting
    does not help. One that answered is asked anew a few times.

    Args:
        wanted: What and from where.
        part: It holds the whole file afterwards, flushed to disk; on an error what has come stays in it.
        progress: Where it is told.
        patience: How long to wait, and how often.

    Raises:
        WeightsError: It cannot be had; the message gives the reason alone.
        StorageError: No space, no permission.
    """
    patience = patience or Patience()
    check_address(wanted.address)
    with store_errors(part.parent):
        make_folder(part.parent)
    failures, answered, best = 0, False, length_of(part)
    while True:
        try:
            _attempt(wanted, part, progress, patience.seconds)
            return
        except _TroubleError as trouble:
            answered = answered or trouble.kind == "broken"
            come = length_of(part)
            failures = 0 if come >= best + _HEADWAY else failures + 1
            best = max(best, come)
            if trouble.kind == "refused" or not answered or failures >= patience.attempts:
                raise WeightsError(f"{trouble}{_kept(part, come)}") from trouble
            pause = patience.pause * 2 ** max(0, failures - 1)
            progress.note(f"{wanted.title}: {trouble}; it goes on in {pause:g} s.")
            time.sleep(pause)


def check_address(address: str) -> None:
    """Refuse every address that is not http or https.

    Raises:
        WeightsError: With what is accepted.
    """
    if urllib.parse.urlsplit(address).scheme not in {"http", "https"}:
        raise WeightsError(f"{address or 'an empty address'} is no address to fetch from. {_ACCEPTED}")


def forget_part(part: Path) -> None:
    """Remove the note of where a part comes from: it became a file, or is of no use."""
    _origin_file(part).unlink(missing_ok=True)


def length_of(path: Path) -> int:
    """Bytes in a file, 0 where there is none."""
    return path.stat().st_size if path.is_file() else 0


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Like `storage_errors`, with what helps a weight store."""
    try:
        with storage_errors(path):
            yield
    except StorageError as problem:
        found = str(problem).partition(" Next: ")[0]
        raise StorageError(
            f"{found} Next: mend that, or put the store elsewhere with TELLAPART_WEIGHTS=FOLDER; then the same "
            "command goes on with what has come"
        ) from problem


def _attempt(wanted: Wanted, part: Path, progress: Progress, seconds: float) -> None:
    origin, have = _resumable(wanted, part)
    if have and origin.total == have:
        return  # a run ended between the last byte and the check
    answer = _ask(wanted, part, origin, seconds)
    if answer is None:
        return
    with answer:
        try:
            start, total = _span(answer, have, origin.total)
        except _OtherPartError:
            forget_part(part)  # the next attempt asks for the whole file
            raise
        _believe(wanted, total)
        if have and not start:
            progress.note(f"{wanted.title}: the server does not go on in the middle; starting over.")
        with store_errors(part):
            write_json(_origin_file(part), asdict(_Origin(wanted.address, _version(answer), total)))
        come = _receive(answer, wanted, part, (start, total), progress)
    expected = total if total is not None else wanted.size
    if expected is not None and come < expected:
        raise _TroubleError("broken", f"the connection ended after {come:,} of {expected:,} bytes")


def _resumable(wanted: Wanted, part: Path) -> tuple[_Origin, int]:
    """Where the part comes from, and how many of its bytes can be kept."""
    nothing = _Origin(wanted.address, None, None)
    have = length_of(part)
    try:
        origin = _Origin(**read_json(_origin_file(part)))
    except (OSError, TypeError, json.JSONDecodeError):
        return nothing, 0
    # Without a version a changed file could not be told from the same one.
    if origin.address != wanted.address or not origin.version or have > (origin.total or wanted.most):
        return nothing, 0
    return origin, have


def _ask(wanted: Wanted, part: Path, origin: _Origin, seconds: float) -> Any:
    """The server's answer; None where it says that nothing is missing."""
    version = origin.version or ""
    have = length_of(part) if version else 0
    headers = {"User-Agent": "tellapart", "Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    request = urllib.request.Request(wanted.address, headers=headers)  # noqa: S310  checked before
    try:
        return _opener().open(request, timeout=seconds)
    except urllib.error.HTTPError as problem:
        problem.close()  # it holds the connection
        if problem.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            return _past_the_end(problem, have, wanted, part)
        kind: Literal["broken", "refused"] = "broken" if problem.code in _BUSY else "refused"
        raise _TroubleError(kind, f"{wanted.address} answers {problem.code} {problem.reason}") from problem
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise _TroubleError("unreached", f"{_way_to(wanted.address)}: {_reason(problem)}") from problem


def _past_the_end(problem: urllib.error.HTTPError, have: int, wanted: Wanted, part: Path) -> None:
    """A 416: the part is the whole file, or the file has changed and the part is of no use."""
    if problem.headers.get("Content-Range", "").strip() == f"bytes */{have}" and wanted.size in {None, have}:
        return
    forget_part(part)
    raise _TroubleError("broken", f"{wanted.address} has nothing behind the {have:,} bytes that are here")


def _span(answer: Any, have: int, total: int | None) -> tuple[int, int | None]:
    """Where the answer begins in the file, and the whole file's size where it is told."""
    if answer.status == http.HTTPStatus.OK:
        told = answer.headers.get("Content-Length", "")
        return 0, int(told) if told.isdecimal() else None
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        raise _TroubleError("refused", f"{answer.url} answers {answer.status} {answer.reason}")
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", "").strip())
    whole = int(match[2]) if match and match[2] != "*" else total
    if not match or int(match[1]) != have or whole != (total or whole):
        raise _OtherPartError(f"{answer.url} sends another part than the one asked for")
    return have, whole


def _believe(wanted: Wanted, total: int | None) -> None:
    """Refuse a size that cannot be the file's, before anything is read."""
    if total is None:
        return
    if wanted.size is not None and total != wanted.size:
        raise _TroubleError("refused", f"{wanted.address} offers {total:,} bytes, and the file has {wanted.size:,}")
    if total > wanted.most:
        raise _TroubleError("refused", f"{wanted.address} offers {total:,} bytes, and at most {wanted.most:,} can be")


def _receive(answer: Any, wanted: Wanted, part: Path, span: tuple[int, int | None], progress: Progress) -> int:
    """Write what comes behind the part's first bytes; how many bytes it has then."""
    come, total = span
    megabytes = f" of {(total or wanted.size or 0) / 1e6:,.1f}" if total or wanted.size else ""
    with (
        progress.bar(f"Fetching {wanted.title}", total or wanted.size or 0) as bar,
        store_errors(part),
        part.open("ab" if come else "wb") as file,
    ):
        bar.advance(come)
        while chunk := _read(answer):
            if come + len(chunk) > wanted.most:
                forget_part(part)
                raise _TroubleError("refused", f"{wanted.address} sends more than {wanted.most:,} bytes")
            file.write(chunk)
            come += len(chunk)
            bar.advance(len(chunk))
            bar.say(f"{come / 1e6:,.1f}{megabytes} MB")
        file.flush()
        os.fsync(file.fileno())
    return come


def _read(answer: Any) -> bytes:
    """What has arrived; an error of the connection must not be taken for one of the disk."""
    try:
        chunk: bytes = answer.read1(_CHUNK)  # read() would lose what came before a timeout
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise _TroubleError("broken", f"the connection broke: {_reason(problem)}") from problem
    return chunk


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to http or https, and never from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        before, after = urllib.parse.urlsplit(req.full_url).scheme, urllib.parse.urlsplit(newurl).scheme
        if after not in {"http", "https"} or (before == "https" and after == "http"):
            raise urllib.error.HTTPError(
                newurl, code, f"(redirect from {before} to {after}, not followed)", headers, fp
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https and nothing else; proxies come from the usual environment variables."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        _SafeRedirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _version(answer: Any) -> str | None:
    """What tells this version of the file from another; a weak ETag (W/) may not be used to resume (RFC 9110)."""
    tag: str = answer.headers.get("ETag", "").strip()
    date: str | None = answer.headers.get("Last-Modified")
    return tag if tag.startswith('"') else date


def _way_to(address: str) -> str:
    """The host that is asked, and the proxy on the way to it, without the proxy's password."""
    parts = urllib.parse.urlsplit(address)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.netloc):
        return str(parts.hostname)
    return f"{parts.hostname} by the proxy {proxy.rpartition('@')[2]}"


def _origin_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _kept(part: Path, come: int) -> str:
    return f"; {come:,} bytes are kept in {part}, and the same command goes on from there" if come else ""


def _reason(problem: Exception) -> str:
    return str(getattr(problem, "reason", "") or problem) or type(problem).__name__
