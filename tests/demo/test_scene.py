import numpy as np
import pytest

from tellapart.demo.geometry import box, join
from tellapart.demo.render import project, render
from tellapart.demo.scene import MAKERS, random_camera, random_scene


@pytest.mark.parametrize("kind", MAKERS)
def test_the_same_seed_gives_the_same_picture(kind: str) -> None:
    pictures = []
    for seed in (5, 5):
        rng = np.random.default_rng(seed)
        pictures.append(render(random_scene(kind, rng), rng))

    assert pictures[0].tobytes() == pictures[1].tobytes()


@pytest.mark.parametrize("seed", range(20))
def test_the_camera_frames_the_furniture(seed: int) -> None:
    corners = box(1.5, 0.8, 0.7).corners
    camera = random_camera(np.random.default_rng(seed), corners)
    flat, depth = project(camera, corners)
    middle = (flat.min(axis=(0, 1)) + flat.max(axis=(0, 1))) / 2 / np.array(camera.size)
    share = np.ptp(flat, axis=(0, 1)) / np.array(camera.size)

    assert depth.min() > 0.3
    assert camera.eye[1] > 0.2
    assert 160 <= max(camera.size) <= 240
    assert 0.5 <= share.max() <= 1.2
    assert (np.abs(middle - 0.5) < 0.35).all()
    np.testing.assert_allclose(camera.axes @ camera.axes.T, np.eye(3), atol=1e-9)


def test_all_parts_stand_above_the_floor() -> None:
    for seed in range(8):
        scene = random_scene("table", np.random.default_rng(seed))
        assert join([part.mesh for part in scene.parts]).corners[..., 1].min() > -0.06
