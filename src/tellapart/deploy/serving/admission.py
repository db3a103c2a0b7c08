"""How much may be under way at once: photos and bytes, counted before they are read."""

from tellapart.deploy.serving.options import MEGABYTE, ServerSettings
from tellapart.deploy.serving.refusals import busy, leaving


class Ticket:
    """One request's share of what the server can hold; it is given back once, with `leave`."""

    def __init__(self, admission: "Admission") -> None:
        self._admission = admission
        self.photos = 1  # until its body is read, a request counts as one photo
        self.size = 0

    def hold(self, size: int) -> None:
        """Count bytes of the body that are kept.

        Raises:
            RefusedError: 429, the server holds as many bytes as it may.
        """
        self._admission.hold(self, size)

    def take(self, photos: int) -> None:
        """Count the photos of the body, once they are known.

        Raises:
            RefusedError: 429, there is no room for so many now.
        """
        self._admission.take(self, photos)

    def leave(self) -> None:
        """Give everything back."""
        self._admission.release(self)


class Admission:
    """Counts what is under way; full means 429 at once, before anything is read or decoded.

    Attributes:
        photos: Under way.
        stopping: Nothing new is let in.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self.photos = 0
        self.stopping = False
        self._bytes = 0
        self._most_photos = settings.queue
        self._most_bytes = round(settings.buffer_megabytes * MEGABYTE)
        self._seconds = 0.0  # a photo takes, in the mean of late

    def enter(self) -> Ticket:
        """Let a request in.

        Raises:
            RefusedError: 429 or 503.
        """
        if self.stopping:
            raise leaving()
        if self.photos >= self._most_photos:
            raise busy(self.photos * self._seconds)
        self.photos += 1
        return Ticket(self)

    def hold(self, ticket: Ticket, size: int) -> None:
        """Count bytes for a request; see `Ticket.hold`."""
        if self._bytes + size > self._most_bytes:
            raise busy(self.photos * self._seconds)
        self._bytes += size
        ticket.size += size

    def take(self, ticket: Ticket, photos: int) -> None:
        """Count photos for a request; see `Ticket.take`."""
        more = photos - ticket.photos
        if self.photos + more > self._most_photos:
            raise busy(self.photos * self._seconds)
        self.photos += more
        ticket.photos = photos

    def release(self, ticket: Ticket) -> None:
        """Take a request's share back."""
        self.photos -= ticket.photos
        self._bytes -= ticket.size
        ticket.photos = ticket.size = 0

    def learn(self, photos: int, seconds: float) -> None:
        """Hear how long the network took for some photos; Retry-After is told by it."""
        latest = seconds / photos
        self._seconds = latest if self._seconds == 0 else 0.9 * self._seconds + 0.1 * latest
