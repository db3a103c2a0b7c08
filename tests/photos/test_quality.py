from dataclasses import replace

import pytest
from test_duplicates import scene, seen

from looked_at import LOOK
from photo_maker import photo
from tellapart.photos.quality import (
    BLANK,
    BLURRED,
    ODD_ASPECT,
    OVER_EXPOSED,
    TINY,
    UNDER_EXPOSED,
    find_faults,
    is_blank,
)
from tellapart.photos.scan import Photo

GOOD = replace(
    LOOK,
    tables="",
    thumbnail=seen(scene(0), 0).look.thumbnail,  # type: ignore[union-attr]
)


def of(path: str = "chair/a.jpg", width: int = 400, height: int = 300, **changes: object) -> Photo:
    look = replace(GOOD, **changes)  # type: ignore[arg-type]
    return replace(photo(0, "chair", path=path), width=width, height=height, look=look)


FAULTS = {
    "wrong-extension": (of(path="chair/a.png"), of(path="chair/a.JPEG")),
    "turned": (of(orientation=6), of(orientation=1)),
    "tiny": (of(width=TINY - 1, height=60), of(width=TINY, height=60)),
    "odd-aspect": (of(width=100, height=round(100 * ODD_ASPECT) + 1), of(width=round(300 * ODD_ASPECT) - 1)),
    "blank": (of(contrast=0.9 * BLANK), of(contrast=1.1 * BLANK)),
    "over-exposed": (of(darkest=OVER_EXPOSED + 0.01), of(darkest=OVER_EXPOSED - 0.01, brightest=1.0)),
    "under-exposed": (of(brightest=UNDER_EXPOSED - 0.01), of(brightest=UNDER_EXPOSED + 0.01, darkest=0.0)),
    "blurred": (of(sharpness=0.05 * GOOD.sharpness), of(sharpness=0.15 * GOOD.sharpness)),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_each_fault_is_found_and_its_neighbour_is_not(kind: str) -> None:
    bad, good = FAULTS[kind]
    found = find_faults([of(), bad, good, of(), of()])
    assert [(fault.kind, fault.photos) for fault in found] == [(kind, (1,))]
    assert found[0].severity in {"warning", "note"}
    assert found[0].advice


def test_the_worst_stands_first() -> None:
    found = find_faults([of(), of(contrast=0.01), of(contrast=0.002), of(contrast=0.008)])
    assert found[0].photos == (2, 3, 1)


def test_a_soft_set_is_not_blurred_as_a_whole() -> None:
    assert find_faults([of(sharpness=BLURRED / 2)] * 5) == []


def test_in_a_sharp_set_nothing_that_is_sharp_by_itself_is_called_blurred() -> None:
    assert find_faults([of(sharpness=5000.0)] * 5 + [of(sharpness=BLURRED + 1)]) == []


def test_blank_photos_are_not_called_blurred_or_badly_exposed_as_well() -> None:
    black = of(contrast=0.0, sharpness=0.0, brightest=0.0, darkest=0.0)
    assert [fault.kind for fault in find_faults([of(), of(), black])] == ["blank"]
    assert is_blank(replace(GOOD, contrast=0.0))


def test_product_photos_on_white_are_well_exposed() -> None:
    assert find_faults([of(brightness=0.85, darkest=0.4, brightest=1.0)]) == []


def test_photos_that_were_not_measured_have_no_faults() -> None:
    assert find_faults([photo(1, "chair")]) == []
    assert find_faults([]) == []
