import numpy as np
import pytest

from tellapart.demo.geometry import box
from tellapart.demo.lighting import Light
from tellapart.demo.materials import Material, Part
from tellapart.demo.render import Camera, Film, Scene, develop, project, render
from tellapart.demo.rooms import Room

FILM = Film(0.5, 0.0, 0.0, 0.0)
RED, GREEN, GREY = (Material(c, c) for c in ((0.7, 0.05, 0.05), (0.05, 0.7, 0.05), (0.4, 0.4, 0.4)))
CAMERA = Camera((0.0, 0.5, 4.0), np.eye(3), 80.0, (32.0, 24.0), (64, 48))
ROOM = Room((-3, 0, -3), (3, 3, 5), GREY, "smooth", 0.0, GREY, "plain")
LIGHT = Light((0.3, 1.0, 1.0), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5), 0.02)


def draw(*parts: Part) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    image = render(Scene(parts, ROOM, CAMERA, LIGHT, FILM), np.random.default_rng(0))
    return np.asarray(image).astype(np.int64)


def test_project_sees_right_and_up() -> None:
    flat, depth = project(CAMERA, np.array([(0.0, 0.5, 0.0), (1.0, 0.5, 0.0), (0.0, 1.5, 2.0)]))

    np.testing.assert_allclose(flat, [(32, 24), (52, 24), (32, -16)])
    np.testing.assert_allclose(depth, [4, 4, 2])


def test_a_box_is_drawn_where_it_stands() -> None:
    picture = draw(Part(box(1.0, 1.0, 1.0), RED))
    red = picture[..., 0] - picture[..., 1] > 60

    assert red[24, 32]
    assert not red[24, [2, 61]].any()
    # Its front is 3.5 m away: 80 / 3.5 pixels wide.
    assert red[24].sum() == pytest.approx(80 / 3.5, abs=2)


def test_the_nearer_box_hides_the_farther_one() -> None:
    near, far = Part(box(0.5, 1.0, 0.2).moved(z=1.0), GREEN), Part(box(2.0, 1.0, 0.2), RED)
    for parts in ((near, far), (far, near)):
        picture = draw(*parts)
        assert picture[24, 32, 1] > picture[24, 32, 0]
        assert picture[24, 18, 0] > picture[24, 18, 1]


def test_what_is_behind_the_camera_is_not_drawn() -> None:
    picture = draw(Part(box(1.0, 1.0, 1.0).moved(z=6.0), RED))

    assert (np.abs(picture[..., 0] - picture[..., 1]) < 10).all()


def test_develop_exposes_and_keeps_order() -> None:
    light = np.linspace(0, 1, 16).reshape(1, 16, 1) * np.ones((8, 1, 3))
    image = np.asarray(develop(light, FILM, np.random.default_rng(0))).astype(int)

    assert image.shape == (4, 8, 3)
    assert (np.diff(image[0, :, 0]) > 0).all()
    np.testing.assert_array_equal(image, np.asarray(develop(light * 7, FILM, np.random.default_rng(0))))
