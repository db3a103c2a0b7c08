"""What the page says and shows of the inside of a run's networks."""

from collections.abc import Mapping
from typing import Any, Final

from tellapart.plain_text import isolated
from tellapart.report.inside_record import SCORES, Inside, block_name, read_inside
from tellapart.report.run_folder import RunFolder
from tellapart.report.step_view import photo_picture
from tellapart.words import counted, percent

_UNMOVED: Final = 0.9  # correlation of filters beyond which two networks still have what they began with


def about_inside(run: RunFolder) -> dict[str, Any] | None:
    """Everything that the page says and shows of the inside of the networks; None where nothing was seen.

    Raises:
        RunFolderError: It is damaged, or of another format.
    """
    found = read_inside(run.path)
    if found is None:
        return None
    titles = {step["recipe"]: step["title"] for step in found.told["filters"]}
    chosen = found.told["chosen"]
    return {
        "chosen": titles.get(chosen, chosen.capitalize()),
        "unmoved": _unmoved(found, titles),
        "compared": len({step["backbone"] for step in found.told["filters"]}) > 1,
        "filters": [_filters(run, step, titles) for step in found.told["filters"]],
        "activations": [
            {**photo, "picture": photo_picture(run, f"activations_{number}"), "table": _blocks_table(photo)}
            for number, photo in enumerate(found.told["activations"], 1)
        ],
        "looked_at": found.told["looked_at"],
        "optimised": found.told["optimised"],
        "n_subjects": len(found.told["subjects"]),
        "n_classes": len(found.told["classes"]),
        "responses": [_responses(run, found, of) for of in found.asked],
    }


def _unmoved(found: Inside, titles: Mapping[str, str]) -> dict[str, Any] | None:
    """The steps whose filters are still alike, as they began: their names, and how alike."""
    like = [step for step in found.told["filters"] if step["like"] and step["like"]["correlation"] >= _UNMOVED]
    if not like:
        return None
    names = [titles[like[0]["like"]["recipe"]], *(step["title"] for step in like)]
    return {
        "names": f"{', '.join(names[:-1])} and {names[-1]}",
        "correlation": f"{min(step['like']['correlation'] for step in like):.3f}",
    }


def _filters(run: RunFolder, step: dict[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    count, rows, columns = step["shape"]
    return {
        "title": step["title"],
        "backbone": step["backbone"],
        "size": f"{counted(count, 'filter')} of {rows} × {columns} pixels",
        "same_as": titles.get(step["same_as"]) if step["same_as"] else None,
        "picture": photo_picture(run, f"filters_{step['recipe']}"),
    }


def _responses(run: RunFolder, found: Inside, of: str) -> dict[str, Any]:
    subjects = found.subjects(of)
    return {
        "of": of,
        "classes": of == SCORES,
        "name": "classes" if of == SCORES else block_name(of),
        "picture": photo_picture(run, f"responses_{'classes' if of == SCORES else of}"),
        "made": any(subject["made"] for subject in subjects),
        "shown": any(subject["photos"] for subject in subjects),
        "n": len(subjects),
        "table": _responses_table(subjects),
    }


def _responses_table(subjects: list[dict[str, Any]]) -> dict[str, Any]:
    rows = [
        [
            isolated(subject["name"]),
            _number(subject["made"] and subject["made"]["value"]),
            _number(subject["made"] and subject["made"]["noise"]),
            _number(subject["median"]),
            ", ".join(f"{photo['path']} ({photo['value']:.2f})" for photo in subject["photos"]) or "–",
        ]
        for subject in subjects
    ]
    return {
        "summary": "These responses as figures",
        "caption": "How strongly each responds: to the picture made for it, to the noise that it was made of, to the "
        "median photo, and to the photos that excite it most.",
        "columns": ["Asked", "made", "noise", "median photo", "strongest photos"],
        "rows": rows,
    }


def _blocks_table(photo: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        [
            block_name(block["block"]).capitalize(),
            f"{block['shape'][0]} × {block['shape'][1]}",
            str(block["shape"][2]),
            percent(block["silent"], 0),
            ", ".join(map(str, block["channels"])),
        ]
        for block in photo["blocks"]
    ]
    return {
        "summary": "These blocks as figures",
        "caption": f"The blocks that {photo['path']} passes. Silent: channels that are nowhere above zero on it.",
        "columns": ["Block", "map", "channels", "silent", "channels shown"],
        "rows": rows,
    }


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
