"""Tellapart: a trustworthy image classifier from a folder of photos.

    import tellapart as ta
    run = ta.fit("photos/", out="runs/first")
    model = ta.load("runs/first/model.onnx")
    model.predict(["a.jpg"])

Names are imported when they are first used: `import tellapart` alone is quick.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tellapart.version import VERSION

# ONNX Runtime from 1.29 on tells its makers of processes and sessions, on Linux and macOS too, unless this is set
# before it is loaded. It is set here, before any module of ours can load it; processes that are started inherit it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

if TYPE_CHECKING:
    from tellapart.deploy.runtime import Model, load
    from tellapart.errors import TellapartError, UserError
    from tellapart.estimator import ImageClassifier
    from tellapart.explanations import explain_photos
    from tellapart.exporting import export
    from tellapart.new_photos import evaluate
    from tellapart.pipeline import fit
    from tellapart.run import Run
    from tellapart.side_by_side import compare

__version__ = VERSION

__all__ = [
    "ImageClassifier",
    "Model",
    "Run",
    "TellapartError",
    "UserError",
    "__version__",
    "compare",
    "evaluate",
    "explain_photos",
    "export",
    "fit",
    "load",
]

_HOMES = {
    "ImageClassifier": "tellapart.estimator",
    "Model": "tellapart.deploy.runtime",
    "Run": "tellapart.run",
    "TellapartError": "tellapart.errors",
    "UserError": "tellapart.errors",
    "compare": "tellapart.side_by_side",
    "evaluate": "tellapart.new_photos",
    "explain_photos": "tellapart.explanations",
    "export": "tellapart.exporting",
    "fit": "tellapart.pipeline",
    "load": "tellapart.deploy.runtime",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tellapart' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
