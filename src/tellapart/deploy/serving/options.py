"""What a server is allowed and what it offers: limits, addresses, token."""

from dataclasses import dataclass, field
from typing import Any, Final

from tellapart.machine import streams_and_threads, usable_cores

FORMATS: Final = ("JPEG", "PNG", "WebP", "BMP", "GIF", "TIFF")
MEGABYTE: Final = 1_000_000
VARIABLE: Final = "TELLAPART_TOKEN"  # of the environment; a command line is seen by all of a machine's users


def package_version() -> str:
    """The version of Tellapart that serves, by what is installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tellapart")
    except PackageNotFoundError:  # run from a copy of the source
        return "unknown"


@dataclass(frozen=True)
class ServerSettings:
    """How a server is run.

    Attributes:
        name: What the model is called in answers and addresses.
        host: The address that it listens at.
        token: What a request has to show; None asks for none.
        allow_hosts: Further names in the Host header: those that a reverse proxy passes on.
        workers: Processes that decode photos.
        streams: Passes through the network at once.
        batch: Photos in one of them, at most.
        batch_seconds: How long a batch waits for photos that are being decoded.
        queue: Photos under way, at most; a request beyond that is refused at once.
        body_megabytes: Of one request.
        body_seconds: How long a request's body may take to arrive.
        buffer_megabytes: Of the bodies of all requests under way.
        photo_megapixels: Width times height of a photo, read from its header.
        photos_per_request: At most.
        deadline_seconds: From the whole body to the answer.
        decode_seconds: For one photo; a worker that takes longer is ended.
        worker_megabytes: Address space of a decoding worker, where the platform can limit it.
    """

    name: str = "model"
    host: str = "127.0.0.1"
    token: str | None = field(default=None, repr=False)
    allow_hosts: tuple[str, ...] = ()
    workers: int = field(default_factory=usable_cores)
    streams: int = field(default_factory=lambda: streams_and_threads(usable_cores())[0])
    batch: int = 4
    batch_seconds: float = 0.003
    queue: int = 64
    body_megabytes: float = 10
    body_seconds: float = 30
    buffer_megabytes: float = 100
    photo_megapixels: float = 25
    photos_per_request: int = 16
    deadline_seconds: float = 10
    decode_seconds: float = 8
    worker_megabytes: int = 1500

    @property
    def body_bytes(self) -> int:
        """The most bytes that one body may have."""
        return round(self.body_megabytes * MEGABYTE)

    def limits(self) -> dict[str, Any]:
        """What the page and other clients should know of the limits."""
        return {
            "body_megabytes": self.body_megabytes,
            "photo_megapixels": self.photo_megapixels,
            "photos_per_request": self.photos_per_request,
            "formats": list(FORMATS),
            "deadline_seconds": self.deadline_seconds,
        }
