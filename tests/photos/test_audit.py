import json
import shutil

import pytest
from PIL import Image, ImageOps
from scipy.stats import binomtest
from test_duplicates import scene

from photo_maker import class_folders, photo, photos_of, save
from tellapart.errors import OptionError
from tellapart.photos.audit import SEVERITIES, Audit, Finding, audit, half_width, photos_for
from tellapart.photos.listing import LeftOut
from tellapart.photos.scan import scan


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """A folder with one fault of most kinds."""
    root = class_folders(tmp_path_factory.mktemp("audit") / "photos", {"bed": 6})
    for label, first in (("chair", 0), ("table", 40)):
        for number in range(first, first + 24):
            save(scene(number), root / label / f"{number}.jpg", quality=85)
    save(scene(0).resize((160, 120)), root / "chair" / "small copy.jpg")
    save(ImageOps.mirror(scene(1)), root / "table" / "a chair.jpg")
    shutil.copy(root / "table" / "41.jpg", root / "table" / "copy of 41.jpg")
    save(Image.new("RGB", (80, 60), (9, 9, 9)), root / "chair" / "lens cap.jpg")
    save(scene(90), root / "chair" / "wrong.png", format="JPEG")
    (root / "chair" / "broken.jpg").write_bytes(b"\xff\xd8 no photo")
    return audit(scan(root))


def of_kind(audited: Audit, kind: str) -> Finding:
    return next(finding for finding in audited.findings if finding.kind == kind)


def test_each_fault_is_found_once_and_the_worst_stands_first(audited: Audit) -> None:
    kinds = {finding.kind: finding.paths for finding in audited.findings}
    assert len(kinds) == len(audited.findings)
    assert kinds["label-conflict"] == ("chair/1.jpg", "table/a chair.jpg")
    assert set(kinds["duplicates"]) == {"chair/0.jpg", "chair/small copy.jpg", "table/41.jpg", "table/copy of 41.jpg"}
    assert kinds["unreadable"] == ("chair/broken.jpg",)
    assert kinds["blank"] == ("chair/lens cap.jpg",)
    assert kinds["wrong-extension"] == ("chair/wrong.png",)
    assert {"too-small", "imbalance"} <= set(kinds)
    ranks = [SEVERITIES.index(finding.severity) for finding in audited.findings]
    assert ranks == sorted(ranks)
    assert sum(audited.counts.values()) == len(audited.findings)


def test_groups_have_their_evidence(audited: Audit) -> None:
    assert [(group.paths, group.labels) for group in audited.conflicts] == [
        (("chair/1.jpg", "table/a chair.jpg"), ("chair", "table"))
    ]
    evidence = {pair[:3] for group in audited.groups for pair in group.pairs}
    assert evidence == {
        ("chair/0.jpg", "chair/small copy.jpg", "re-saved"),
        ("chair/1.jpg", "table/a chair.jpg", "mirrored"),
        ("table/41.jpg", "table/copy of 41.jpg", "exact"),
    }
    assert len(audited.duplicates.groups) == 3


def test_every_finding_is_two_sentences_that_end(audited: Audit) -> None:
    for finding in audited.findings:
        assert finding.what.endswith(".")
        assert finding.advice.endswith(".")


def test_json_holds_it_all(audited: Audit) -> None:
    told = json.loads(json.dumps(audited.as_json(), allow_nan=False))
    assert told["format"] == 1
    assert len(told["findings"]) == len(audited.findings)
    assert told["conflicts"] == [group for group in told["groups"] if len(group["labels"]) > 1]
    assert [size["label"] for size in told["classes"]] == ["bed", "chair", "table"]


def test_how_many_photos_a_class_needs() -> None:
    """Held against the interval that the test itself uses."""
    for half, share in ((0.10, 0.2), (0.05, 0.2), (0.05, 0.5)):
        needed = photos_for(half, share)
        n = round(needed * share)
        interval = binomtest(n // 2, n).proportion_ci(0.95, method="wilson")
        assert (interval.high - interval.low) / 2 == pytest.approx(half, abs=0.002)
    assert half_width(93) <= 0.10 < half_width(92)


def test_small_classes_are_told_and_large_ones_are_not() -> None:
    photos = photos_of(*(photo(n, label) for label, count in (("bed", 30), ("chair", 500)) for n in range(count)))
    found = audit(photos, test_share=0.2)
    assert "'bed' (6 of 30)" in of_kind(found, "too-small").what
    assert "'chair'" not in of_kind(found, "too-small").what
    assert "465 photos" in of_kind(found, "too-small").advice
    assert of_kind(found, "imbalance").severity == "warning"
    assert found.imbalance == pytest.approx(500 / 30)
    assert [size.test_photos for size in found.classes] == [6, 100]


def test_a_photo_in_two_given_parts_is_a_problem() -> None:
    items = [photo(n, label, part=part, path=f"{part}/{label}/{n}.png", pixels=f"{part} {label} {n}")
             for part in ("train", "test") for label in ("bed", "chair") for n in range(8)]  # fmt: skip
    twin = photo(9, "bed", part="test", path="test/bed/twin.png", pixels="train bed 3")
    found = of_kind(audit(photos_of(*items, twin)), "straddling")
    assert found.severity == "problem"
    assert set(found.paths) == {"train/bed/3.png", "test/bed/twin.png"}


def test_a_good_folder_has_no_findings() -> None:
    photos = photos_of(*(photo(n, label) for label in ("bed", "chair") for n in range(120)))
    assert audit(photos).findings == ()


def test_unreadable_photos_are_named_with_the_reason() -> None:
    photos = photos_of(
        *(photo(n, label) for label in ("bed", "chair") for n in range(120)),
        excluded=(LeftOut("bed/x.jpg", "the file is empty"),),
    )
    assert "bed/x.jpg, the file is empty" in of_kind(audit(photos), "unreadable").what


def test_a_share_out_of_range_is_told() -> None:
    with pytest.raises(OptionError, match=r"0\.05 to 0\.5"):
        audit(photos_of(photo(0, "bed"), photo(1, "chair")), test_share=0.9)
