import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from fake_run import ODD_CLASSES, build_run
from markdown_it import MarkdownIt

from tellapart.errors import RunFolderError
from tellapart.files import read_json, write_json
from tellapart.report.model_card import model_card

NASTY = [*ODD_CLASSES[:3], "a | b", "two\nlines: - x\n---\nlicense: mit", "[a](javascript:alert(1))"]
READER = MarkdownIt("commonmark").enable("table")
SECTIONS = [
    "Classes",
    "How good it is",
    "What its probabilities mean",
    "What it does not know",
    "Data",
    "What it is for, and what not",
    "How to use it",
    "How it was made",
    "Licences",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = build_run(tmp_path_factory.mktemp("card") / "run", NASTY)
    finding = {"kind": "x", "severity": "warning", "what": "a <b>photo</b> | of\n# all", "advice": "", "paths": []}
    write_json(run / "audit.json", {"findings": [finding, {**finding, "severity": "note", "what": "unsaid"}]})
    return run


def card_of(run: Path, recipe: str = "finetuned", record: dict[str, Any] | None = None) -> str:
    results = read_json(run / "results.json")
    return model_card(run, results, next(one for one in results["recipes"] if one["name"] == recipe), record)


def parts_of(card: str) -> tuple[str, str]:
    """The metadata and the text."""
    before, metadata, text = card.split("---\n", 2)
    assert before == ""
    return metadata, text


def test_the_metadata_is_what_hugging_face_reads(run: Path) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    told = yaml.safe_load(parts_of(card_of(run))[0])
    assert told["license"] == "unknown"
    assert told["pipeline_tag"] == "image-classification"
    assert "vgg16" in told["tags"]
    (model,) = told["model-index"]
    (result,) = model["results"]
    assert result["task"]["type"] == "image-classification"
    assert result["dataset"]["name"] == f"Photos of {', '.join(' '.join(name.split()) for name in NASTY)}"
    test = next(one for one in read_json(run / "results.json")["recipes"] if one["name"] == "finetuned")["test"]
    assert {one["type"]: one["value"] for one in result["metrics"]} == {
        "accuracy": pytest.approx(test["accuracy"], abs=1e-4),
        "f1": pytest.approx(test["macro_f1"], abs=1e-4),
    }


def test_hugging_faces_own_reader_takes_it(run: Path) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    data = hub.ModelCard(card_of(run)).data
    assert data.model_name == "tellapart finetuned"
    assert [result.metric_type for result in data.eval_results] == ["accuracy", "f1"]


def test_every_section_is_there_and_names_are_text(run: Path) -> None:
    text = parts_of(card_of(run))[1]
    tokens = READER.parse(text)
    places = [place for place, token in enumerate(tokens) if token.type == "heading_open" and token.tag == "h2"]
    assert [tokens[place + 1].content for place in places] == SECTIONS
    kinds = {child.type for token in tokens for child in token.children or []} | {token.type for token in tokens}
    assert not kinds & {"html_inline", "html_block", "link_open", "image"}
    shown = ["".join(child.content for child in token.children or []) for token in tokens if token.type == "inline"]
    for name in NASTY:
        assert " ".join(name.split()) in shown  # a cell of its own


def test_the_audit_and_its_markup_are_told(run: Path) -> None:
    text = parts_of(card_of(run))[1]
    assert "warning: a &lt;b&gt;photo&lt;/b&gt; \\| of \\# all" in text
    assert "unsaid" not in text


def test_what_was_not_chosen_says_so(run: Path) -> None:
    assert "It is **not** the recipe that its run chose" in card_of(run, "baseline")
    assert "**not**" not in card_of(run, read_json(run / "results.json")["best"]["recipe"])


def test_the_licence_of_the_backbone_is_told_where_there_is_one(run: Path) -> None:
    assert "CC-BY-4.0" in card_of(run)
    assert "No pretrained weights are inside" in card_of(run, "baseline")


def test_folds_are_told_as_what_they_are(run: Path) -> None:
    results = read_json(run / "results.json")
    results["split"]["folds"] = 5
    text = model_card(run, results, results["recipes"][-1])
    assert "by a model that had not learned from it (5 folds)" in text
    assert "set aside" not in text
    assert 'split: "cross-validation"' in text


def test_an_export_is_told_file_by_file(run: Path) -> None:
    compared = {"test": {"n": 13, "same": 12, "share": 12 / 13, "largest_difference": 0.01}}
    cost = {"n": 13, "accuracy": 0.9, "accuracy_float": 1.0, "difference": -0.1, "low": -0.2, "high": 0.0}
    int8 = {"why": "of 13 validation photos it costs more", "accepted": False, "valid": cost, "test": cost}
    file = {"bytes": 1_500_000, "engine": "engine 1.0", "lacks": "strangers", "compared": compared}
    record = {
        "files": {
            "keras": {**file, "file": "model.keras"},
            "onnx-int8": {**file, **int8, "file": "model-int8-experimental.onnx"},
            "openvino": {"file": None, "why": "refused"},
        }
    }
    text = card_of(run, record=deepcopy(record))
    assert "| keras | model.keras | 1.50 | engine 1.0 | 13 test | 12 (92.3" in text
    assert "It costs too much to stand in for the model" in text
    assert "keras.models.load_model" in text
    assert "openvino" not in text
    assert 'InferenceSession("model-int8-experimental.onnx"' in text


@pytest.mark.parametrize(("geometry", "code"), [("letterbox", "ImageOps.pad"), ("crop", "ImageOps.fit")])
def test_the_example_makes_pixels_as_the_recipe_does(run: Path, geometry: str, code: str) -> None:
    results = read_json(run / "results.json")
    entry = {**results["recipes"][-1], "pixels": {"size": 128, "geometry": geometry, "scaling": "0 to 1"}}
    assert code in model_card(run, results, entry)


def test_a_run_that_is_not_whole_is_one_line(run: Path) -> None:
    results = read_json(run / "results.json")
    entry = {name: value for name, value in results["recipes"][-1].items() if name != "seconds"}
    with pytest.raises(RunFolderError, match=r"results\.json is not whole: .*seconds"):
        model_card(run, results, entry)
    assert json.dumps(results)
