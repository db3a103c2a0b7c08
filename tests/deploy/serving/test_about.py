import json
from math import nan

from served_model import served_model
from tellapart.deploy.serving.about import about
from tellapart.deploy.serving.options import ServerSettings
from tellapart.deploy.serving.service import Service


def test_what_is_not_known_is_null_and_json_holds_it() -> None:
    service = Service(served_model("crop"), ServerSettings(name="shop"))
    full = about(service)
    assert (full["geometry"], full["licence"], full["stranger_false_alarms"]) == ("crop", "Apache-2.0", 0.05)
    passport = service.model.passport
    passport["scores"]["test"]["ece"] = nan
    passport["licence"] = {"a": 1}
    del passport["stranger"], passport["backbone"]
    poor = about(service)
    assert json.loads(json.dumps(poor, allow_nan=False)) == poor
    assert poor["scores"]["test"]["ece"] is None
    assert (poor["licence"], poor["backbone"], poor["stranger_false_alarms"]) == (None, None, None)
