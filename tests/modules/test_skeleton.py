import pathlib

import numpy as np
import pytest

from sign_jax.modules import skeleton

GOLDEN = np.load(pathlib.Path(__file__).parent.parent / "golden" / "seds_tiny.npz")
GRAPHS = {"hand": skeleton.HAND, "body": skeleton.BODY}


@pytest.mark.parametrize("group", GRAPHS)
@pytest.mark.parametrize(("field", "name"), [("joints", "A"), ("part_graph", "A_pool")])
def test_graphs_are_the_released_constants(group, field, name):
  expected = GOLDEN[f"const/signbert.embed.st_gcn_{group}.{name}"]
  actual = getattr(GRAPHS[group], field)
  assert actual.dtype == expected.dtype
  np.testing.assert_array_equal(actual, expected)


def test_adjacency_of_a_path_with_a_side_step():
  """0 - 1 - 2 and 1 - 3, with 2 and 3 linked: the centre is 0."""
  found = skeleton.adjacency(4, [(0, 1), (1, 2), (1, 3), (2, 3)], centre=0)
  itself, farther, nearer, equal = found
  np.testing.assert_allclose(np.diag(itself), [1 / 2, 1 / 4, 1 / 3, 1 / 3])
  assert {(v, w) for v, w in np.argwhere(farther)} == {(1, 0), (2, 1), (3, 1)}
  assert {(v, w) for v, w in np.argwhere(nearer)} == {(0, 1), (1, 2), (1, 3)}
  assert {(v, w) for v, w in np.argwhere(equal)} == {(2, 3), (3, 2)}
  np.testing.assert_allclose(found.sum((0, 1)), 1, rtol=1e-6)


@pytest.mark.parametrize("group", GRAPHS)
def test_parts_hold_every_joint_once(group):
  graph = GRAPHS[group]
  joints = sorted(joint for part in graph.parts for joint in part)
  assert joints == list(range(graph.joints.shape[1]))
  assert len(graph.parts) == graph.part_graph.shape[1]
