from jsonschema import Draft202012Validator

from tellapart.deploy.serving.schemas import ANSWERS, MODEL, TENSORS_OUT, plain, refused, told


def test_the_schemas_are_schemas_and_tell_right_from_wrong() -> None:
    for schema in (ANSWERS, MODEL, TENSORS_OUT):
        Draft202012Validator.check_schema(schema)
    good = {"answer": "a", "predicted": "a", "probabilities": {"a": 1.0}, "set": None, "stranger": None, "heat": None}
    answers = Draft202012Validator(ANSWERS)
    assert answers.is_valid({"answers": [good, {"error": "why"}]})
    assert not answers.is_valid({"answers": [{"answer": "a"}]})


def test_responses_by_status() -> None:
    assert set(told(ANSWERS, 422)) == {422}
    assert set(plain()) == {200}
    assert set(refused(400, 504)) == {400, 504}
