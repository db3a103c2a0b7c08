import json

from tellapart.deploy.serving.options import FORMATS, ServerSettings
from tellapart.photos.decode import FORMATS as DECODED


def test_what_is_told_of_the_limits_is_what_holds() -> None:
    limits = ServerSettings(body_megabytes=3, photo_megapixels=7).limits()
    assert json.loads(json.dumps(limits)) == limits
    assert (limits["body_megabytes"], limits["photo_megapixels"]) == (3, 7)
    assert ServerSettings(body_megabytes=0.5).body_bytes == 500_000
    assert tuple(name.upper() for name in FORMATS) == DECODED


def test_a_token_is_not_shown_by_accident() -> None:
    assert "secret" not in repr(ServerSettings(token="secret"))
