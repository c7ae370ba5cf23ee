"""Graphs of the hand and of the upper body, for graph convolutions (SEDS, after SignBERT).

Joints are those of COCO-WholeBody. A hand has 21: the wrist, then four a finger from the thumb to
the little finger, base first. The body has 7: the nose, then shoulder, elbow and wrist of the left
arm and of the right one.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int

SUBSETS = 4  # itself, from a joint farther from the centre, from a nearer one, from an equal one


class Graph(NamedTuple):
  """A skeleton and its parts.

  Attributes:
    joints: (4, V, V) float32: of every joint v for every joint w, by subset; columns sum to 1.
    parts: per part, the joints that are pooled into it.
    part_graph: (4, P, P) float32, likewise for parts.
  """

  joints: Float32[np.ndarray, "4 V V"]
  parts: tuple[tuple[int, ...], ...]
  part_graph: Float32[np.ndarray, "4 P P"]


def adjacency(
  nodes: int, edges: Iterable[tuple[int, int]], centre: int
) -> Float32[np.ndarray, "4 {nodes} {nodes}"]:
  """Normalised adjacency in four subsets; Yan et al., "Spatial Temporal Graph Convolutional
  Networks" (AAAI 2018), section 3.3, with neighbours at equal distance as a subset of their own.

  Args:
    nodes: number of nodes V; all can be reached from `centre`.
    edges: pairs of different nodes, each once.
    centre: the node that hops are counted from.

  Returns:
    (4, V, V) float32: [k, v, w] is 1 / degree(w), the node itself included, where v is w (k = 0),
    or a neighbour of w that is farther from the centre (1), nearer (2) or as far (3).
  """
  linked = np.eye(nodes, dtype=bool)
  for v, w in edges:
    linked[v, w] = linked[w, v] = True
  hops = _hops(linked, centre)
  itself = np.eye(nodes, dtype=bool)
  farther, nearer = hops[:, None] > hops, hops[:, None] < hops
  subsets = np.stack([itself, farther, nearer, ~(itself | farther | nearer)])
  return (subsets * linked / linked.sum(0)).astype(np.float32)


def _hops(linked: Bool[np.ndarray, "V V"], centre: int) -> Int[np.ndarray, " V"]:
  """(V,) int: the number of edges between every node and the centre."""
  hops = np.full(len(linked), -1)
  reached = np.arange(len(linked)) == centre
  distance = 0
  while reached.any():
    hops[reached] = distance
    reached = linked[reached].any(0) & (hops < 0)
    distance += 1
  return hops


def _chains(starts: Sequence[int], length: int, root: int) -> list[tuple[int, int]]:
  """Edges of chains of `length` joints that begin at `root`, and links between neighbours."""
  edges = [(root, start) for start in starts]
  edges += [(start + i, start + i + 1) for start in starts for i in range(length - 1)]
  neighbours = zip(starts, starts[1:], strict=False)
  return edges + [(a + i, b + i) for a, b in neighbours for i in range(length)]


_FINGERS, _ARMS = (1, 5, 9, 13, 17), (1, 4)
_PALM = 5  # the part after the five fingers

HAND = Graph(
  joints=adjacency(21, _chains(_FINGERS, 4, root=0), centre=0),
  # The three distal joints of every finger; the wrist and the bases.
  parts=(*((base + 1, base + 2, base + 3) for base in _FINGERS), (0, *_FINGERS)),
  part_graph=adjacency(
    6, [*((i, _PALM) for i in range(5)), *((i, i + 1) for i in range(4))], centre=_PALM
  ),
)

BODY = Graph(
  joints=adjacency(7, _chains(_ARMS, 3, root=0), centre=0),
  parts=((1, 2, 3), (4, 5, 6), (0,)),
  # Left arm, right arm, nose. As released: the link from the nose to the left arm counts in both
  # degrees and is in no subset, so no centre gives this.
  part_graph=np.float32(
    [
      np.diag([1 / 3, 1 / 2, 1 / 2]),
      np.zeros((3, 3)),
      np.zeros((3, 3)),
      [[0, 1 / 2, 0], [1 / 3, 0, 0], [0, 0, 0]],
    ]
  ),
)
