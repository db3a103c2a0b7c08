import numpy as np
import pytest

from tellapart.demo.geometry import Mesh, ball, box, cushion, join, lathe, panel, rod, rotation, tube

SOLIDS = {
    "box": (box(1.0, 2.0, 3.0), 6.0),
    "cushion": (cushion((1.0, 0.5, 1.0), 0.01), 0.5),
    "lathe": (lathe([(0.5, 0.0), (0.5, 1.0)], 64), np.pi / 4),
    "ball": (ball((1.0, 1.0, 1.0), 64), np.pi / 6),
    "rod": (rod((0, 0, 0), (0, 1, 0), 0.5, sides=64), np.pi / 4),
    "square rod": (rod((0, 0, 0), (2, 0, 0), 0.5, sides=4), 1.0),
    "panel": (panel(np.linspace(-1, 1, 9), np.full(9, 0.5), 0.1), 0.1),
}


def volume(mesh: Mesh) -> float:
    """By the divergence theorem; right only if the mesh is closed and all facets face outwards."""
    a, b, c = (mesh.corners[:, i] for i in range(3))
    return float((a * np.cross(b, c)).sum() / 6)


@pytest.mark.parametrize("name", SOLIDS)
def test_solids_are_closed_and_face_outwards(name: str) -> None:
    mesh, expected = SOLIDS[name]

    assert volume(mesh) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("name", SOLIDS)
def test_normals_have_length_one_and_agree_with_the_facets(name: str) -> None:
    mesh, _ = SOLIDS[name]
    across = np.cross(mesh.corners[:, 1] - mesh.corners[:, 0], mesh.corners[:, 2] - mesh.corners[:, 0])
    real = np.linalg.norm(across, axis=1) > 1e-9

    np.testing.assert_allclose(np.linalg.norm(mesh.normals[real], axis=-1), 1, atol=1e-6)
    assert ((across * mesh.normals.sum(axis=1)).sum(axis=1)[real] > 0).all()


def test_a_tube_keeps_its_distance_from_its_path() -> None:
    mesh = tube([(0, 0, 0), (0, 1, 0), (1, 1, 0)], 0.1)

    assert mesh.corners[..., 2].max() == pytest.approx(0.1)
    assert mesh.corners[..., 0].min() == pytest.approx(-0.1, abs=0.01)


def test_moving_and_turning() -> None:
    mesh = box(1.0, 1.0, 1.0)

    assert mesh.moved(x=2.0).corners[..., 0].mean() == pytest.approx(2.0)
    front = mesh.moved(z=1.0).turned(yaw=np.pi / 2)
    assert front.corners[..., 0].mean() == pytest.approx(1.0)
    np.testing.assert_allclose(rotation(0.3, 0.2, 0.1) @ rotation(0.3, 0.2, 0.1).T, np.eye(3), atol=1e-12)


def test_join_keeps_all_triangles() -> None:
    assert len(join([box(1, 1, 1), box(2, 2, 2)]).corners) == 24


def test_grain_runs_along_the_longest_side() -> None:
    mesh = box(0.1, 0.2, 3.0)

    assert np.ptp(mesh.texture[..., 0]) == pytest.approx(3.0)
