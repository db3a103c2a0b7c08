import tellapart
from tellapart.version import VERSION


def test_the_door_tells_the_version() -> None:
    assert tellapart.__version__ == VERSION
