import numpy as np
import pytest

from tellapart.demo.geometry import unit
from tellapart.demo.materials import Material
from tellapart.demo.rooms import FLOORS, WALLS, Patch, Room, Rug, look_at_room, random_room

GREY, RED = Material((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)), Material((0.8, 0.1, 0.1), (0.8, 0.1, 0.1))
RAYS = unit(np.random.default_rng(0).normal(size=(3000, 3))).astype(np.float32)


def make_room(**changes: object) -> Room:
    settings: dict[str, object] = {"floor_kind": "smooth", "wall_kind": "plain", **changes}
    return Room((-2, 0, -2), (2, 2.5, 2), GREY, yaw=0.0, wall=RED, **settings)  # type: ignore[arg-type]


def test_rays_end_on_the_walls_and_normals_look_inside() -> None:
    seen = look_at_room(make_room(), (0.0, 1.0, 0.0), RAYS)
    gaps = np.stack([seen.points - (-2, 0, -2), (2, 2.5, 2) - seen.points])

    np.testing.assert_allclose(gaps.min(axis=(0, 2)), 0, atol=1e-5)
    assert (np.einsum("pi,pi->p", seen.normals, RAYS) <= 0).all()


def test_the_wall_before_an_eye_outside_is_not_there() -> None:
    seen = look_at_room(make_room(), (0.0, 1.0, 9.0), np.array([[0.0, 0.0, -1.0]], np.float32))

    np.testing.assert_allclose(seen.points[0], (0, 1, -2), atol=1e-5)


def test_floor_and_walls_have_their_own_colours() -> None:
    down, ahead = np.array([[0.0, -1.0, 0.01]], np.float32), np.array([[0.0, 0.0, -1.0]], np.float32)

    assert np.ptp(look_at_room(make_room(), (0, 1, 0), down).colours) == 0
    assert look_at_room(make_room(), (0, 1, 0), ahead).colours[0, 0] == pytest.approx(0.8)


def test_a_window_glows_and_a_picture_does_not() -> None:
    ahead = np.array([[0.1, 0.6, -2.0]], np.float32)
    window = Patch(2, (-1.0, 1.0), (1.0, 2.0), (0.9, 0.9, 0.9), None)
    picture = Patch(2, (-1.0, 1.0), (1.0, 2.0), (0.9, 0.9, 0.9), GREY)

    assert look_at_room(make_room(patches=(window,)), (0, 1, 0), ahead).glow.max() > 0.3
    shown = look_at_room(make_room(patches=(picture,)), (0, 1, 0), ahead)
    assert shown.glow.max() == 0
    assert shown.colours[0] == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize("power", [2.0, 30.0])
def test_a_rug_lies_in_the_middle(power: float) -> None:
    room = make_room(rug=Rug((0.5, 0.5), 0.0, power, RED))
    rays = np.array([[0.0, -1.0, 0.01], [1.5, -1.0, 0.0]], np.float32)
    colours = look_at_room(room, (0, 1, 0), rays).colours

    assert colours[0] == pytest.approx((0.8, 0.1, 0.1))
    assert colours[1] == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize(
    ("floor_kind", "wall_kind"), [*((f, "plain") for f in FLOORS), *(("smooth", w) for w in WALLS)]
)
def test_every_surface_has_colours_in_range(floor_kind: str, wall_kind: str) -> None:
    seen = look_at_room(make_room(floor_kind=floor_kind, wall_kind=wall_kind), (0, 1, 0), RAYS)

    assert np.isfinite(seen.colours).all()
    assert 0 <= seen.colours.min() <= seen.colours.max() < 1.3
    assert 0 <= seen.glow.min() <= seen.glow.max() < 1.6


@pytest.mark.parametrize("seed", range(10))
def test_a_room_holds_what_stands_in_it(seed: int) -> None:
    room = random_room(np.random.default_rng(seed), (-1.0, 0.0, -0.5), (1.0, 0.8, 0.5))

    assert (np.array(room.low) < (-1.0, 0.1, -0.5)).all()
    assert (np.array(room.high) > (1.0, 0.8, 0.5)).all()
