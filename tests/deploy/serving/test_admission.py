import pytest

from tellapart.deploy.serving.admission import Admission
from tellapart.deploy.serving.options import ServerSettings
from tellapart.deploy.serving.refusals import RefusedError


def test_no_more_photos_than_the_queue_holds() -> None:
    admission = Admission(ServerSettings(queue=4))
    first, second = admission.enter(), admission.enter()
    first.take(3)
    with pytest.raises(RefusedError) as refused:
        admission.enter()
    assert refused.value.status == 429
    with pytest.raises(RefusedError):
        second.take(2)
    assert admission.photos == 4
    first.leave()
    second.take(2)
    assert admission.photos == 2
    second.leave()
    second.leave()  # a second time changes nothing
    assert admission.photos == 0


def test_no_more_bytes_than_the_buffer_holds() -> None:
    admission = Admission(ServerSettings(buffer_megabytes=1))
    first, second = admission.enter(), admission.enter()
    first.hold(600_000)
    with pytest.raises(RefusedError):
        second.hold(600_000)
    first.leave()
    second.hold(600_000)


def test_who_is_turned_away_learns_how_long_the_queue_is() -> None:
    admission = Admission(ServerSettings(queue=8))
    admission.learn(4, 4.0)
    admission.learn(4, 4.0)
    admission.enter().take(8)
    with pytest.raises(RefusedError) as refused:
        admission.enter()
    assert refused.value.headers["Retry-After"] == "8"


def test_nobody_is_let_in_at_the_end() -> None:
    admission = Admission(ServerSettings())
    admission.stopping = True
    with pytest.raises(RefusedError) as refused:
        admission.enter()
    assert refused.value.status == 503
