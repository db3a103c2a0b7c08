"""The model card: what a model is, how good it is, and what it is not for; Markdown with Hugging Face's metadata."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tellapart.errors import RunFolderError
from tellapart.evaluation.intervals import wilson
from tellapart.files import read_json
from tellapart.report.coverage import about_doubts
from tellapart.report.facts import about_calibration, class_scores, mistakes
from tellapart.report.markdown import Trusted, plain, quoted
from tellapart.weights.pins import pins
from tellapart.words import amount, counted, decimal, percent

if TYPE_CHECKING:
    from jinja2 import Environment

FILE: Final = "MODEL_CARD.md"
_TEMPLATE: Final = "model_card.md.j2"
_FINDINGS: Final = 8  # of the audit; report.html has all
_GEOMETRIES: Final = {
    "squash": ("the whole photo squashed to the square", "photo.resize(size, Image.Resampling.BILINEAR)"),
    "letterbox": (
        "the whole photo with grey beside it",
        "ImageOps.pad(photo, size, Image.Resampling.BILINEAR, color=(128, 128, 128))",
    ),
    "crop": ("its central square", "ImageOps.fit(photo, size, Image.Resampling.BILINEAR)"),
}
_PIXELS: Final = """size = (told["pixels"]["size"],) * 2
photo = Image.open("photo.jpg")
photo.draft(None, (2 * size[0], 2 * size[0]))  # a large JPEG is decoded smaller
photo = ImageOps.exif_transpose(photo).convert("RGB")
pixels = np.asarray({fitted}, dtype=np.float32)"""
# By format: what it is called, what is imported, and how it is asked.
_ENGINES: Final = {
    "keras": (
        "Keras",
        "import keras",
        'probabilities = np.asarray(keras.models.load_model("model.keras").predict(pixels[np.newaxis], verbose=0))',
    ),
    "savedmodel": (
        "TensorFlow",
        "import tensorflow as tf",
        'network = tf.saved_model.load("savedmodel")\nprobabilities = network.serve(pixels[np.newaxis]).numpy()',
    ),
    "openvino": (
        "OpenVINO",
        "import openvino",
        'network = openvino.Core().compile_model("openvino/model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})\n'
        'probabilities = network({"photo": pixels[np.newaxis]})["probabilities"]',
    ),
}


def model_card(
    run: Path, results: Mapping[str, Any], entry: Mapping[str, Any], record: Mapping[str, Any] | None = None
) -> str:
    """Write the card of one recipe of a run.

    Args:
        run: The run folder, for audit.json.
        results: What results.json holds, or will hold: it is written last.
        entry: The recipe's, in `results`.
        record: What export.json holds, for the card beside exported files; None for the one beside model.onnx.

    Raises:
        RunFolderError: Something that the card tells is not there.
    """
    from jinja2 import UndefinedError

    try:
        return _environment().get_template(_TEMPLATE).render(_context(run, results, entry, record))
    except (UndefinedError, KeyError) as problem:
        raise RunFolderError(
            f"{run / 'results.json'} is not whole: {problem}. Next: tellapart fit PHOTOS --out RUN --resume"
        ) from problem


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tellapart.report", "templates"),
        autoescape=False,  # noqa: S701  it knows HTML alone; `finalize` escapes every value for Markdown
        finalize=plain,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "percent": lambda share, digits=1: Trusted(percent(share, digits)),
        "decimal": lambda value, digits=2: Trusted(decimal(value, digits)),
        "amount": lambda value: Trusted(amount(value)),
        "counted": lambda count, one, many="": Trusted(counted(count, one, many)),
        "quoted": lambda text: Trusted(quoted(text)),
    }
    return environment


def _context(
    run: Path, results: Mapping[str, Any], entry: Mapping[str, Any], record: Mapping[str, Any] | None
) -> dict[str, Any]:
    photos, classes = results["photos"], results["photos"]["classes"]
    return {
        "recipe": {
            "title": "",
            "backbone": None,
            "hyperparameters": {},
            "stopped": "",
            "trainable_parameters": 0,
            **entry,
        },
        "chosen": entry["name"] == results["best"]["recipe"],
        "why": results["best"]["why"],
        "classes": _classes(results, entry),
        "photos": {"excluded": [], "skipped": [], "duplicate_groups": 0, "corrections": None, **photos},
        "split": {"folds": 0, "fingerprint": "", **results["split"]},
        "findings": _findings(run),
        "mistakes": mistakes(entry["test"]["confusion"], classes, most=5),
        "calibration": about_calibration(entry["calibration"]) if entry.get("calibration") else "",
        "doubts": about_doubts({"rejection": None, "conformal": None, "stranger": None, **entry}),
        "tells_strangers": bool(entry.get("stranger") and entry["stranger"]["threshold"] is not None),
        "pixels": {"size": entry["image_size"], "geometry": "squash", "scaling": "", **entry.get("pixels", {})},
        "licence": _licence(entry.get("backbone")),
        "settings": results.get("settings") or {},
        "environment": results.get("environment") or {},
        "record": record,
        "files": _files(record),
        "dataset": f"Photos of {', '.join(classes)}",
        **_code(entry),
    }


def _code(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The examples of use, as they suit the pixels of the recipe."""
    told, fitted = _GEOMETRIES[entry.get("pixels", {}).get("geometry", "squash")]
    names, imports, engines = ({name: Trusted(row[place]) for name, row in _ENGINES.items()} for place in range(3))
    return {
        "geometry": told,
        "pixels_code": Trusted(_PIXELS.format(fitted=fitted)),
        "names": names,
        "imports": imports,
        "engines": engines,
    }


def _classes(results: Mapping[str, Any], entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each class: its photos, and of those tested the share that is found, with Wilson's interval."""
    counts, told = results["photos"]["counts"], []
    for score in class_scores(entry["test"]["confusion"], results["photos"]["classes"]):
        low, high = wilson(score.recall * score.photos, score.photos) if score.photos else (0.0, 1.0)
        told.append({"score": score, "photos": counts.get(score.name, 0), "low": low, "high": high})
    return told


def _findings(run: Path) -> list[Mapping[str, Any]]:
    """The problems and warnings of the audit, the worst first."""
    file = run / "audit.json"
    told = read_json(file).get("findings", []) if file.is_file() else []
    return [one for one in told if one.get("severity") in {"problem", "warning"}][:_FINDINGS]


def _licence(backbone: str | None) -> str:
    """The licence of a backbone's weights, where it is known; "" without a backbone."""
    if not backbone:
        return ""
    known = pins().get(backbone)
    return known.licence if known else "unknown"


def _files(record: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    """What the export wrote, a row a format."""
    if record is None:
        return []
    blank = {"why": "", "accepted": True, "test": None}
    return [{"format": name, **blank, **told} for name, told in record["files"].items() if told.get("file")]
