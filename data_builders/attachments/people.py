"""One person out of those that a clip shows: who is followed from its first frame to its last."""

from typing import NamedTuple

import numpy as np

MAX_PEOPLE = 1000  # of a frame: no estimator finds as many in a picture
MIN_POSES, POSE_BYTES = 40_000, 50  # of a file: more only where it has as many bytes for each
HEAD = [0, 5, 6]  # nose and shoulders, which hardly move while somebody signs
_PAIRS = [[0, 0, 5], [5, 6, 6]]
_SEEN = 0.1  # confidence
_NEAREST = 32  # people of a frame that are compared, the weightiest
_TRACKS = 64  # people that are remembered while they are not seen, those seen last
# Distances in sizes of a person, plus the logarithm of the sizes' ratio.
_SAME = 0.3  # a second detection of the same person
_REACH = 1.0  # from one frame to the next
_CUT = 2  # frames from one detection to the next at a cut of the camera
_MOST_CUTS = 1000
_GLITCH = 2  # frames in which a person may be found twice, in different places


class People(NamedTuple):
  """Everybody that an estimator has found in a clip.

  Attributes:
    keypoints: (N, 133, 3) float32: x, y and confidence, one frame after the other.
    counts: (F,) int64, how many of the N each frame has.
    ids: (N,) int64, the estimator's own numbers of people, -1 where it has none; or None.
  """

  keypoints: np.ndarray
  counts: np.ndarray
  ids: np.ndarray | None = None


def most_poses(size):
  """How many poses a file of `size` bytes may hold, all frames and people together."""
  return max(MIN_POSES, size // POSE_BYTES)


def follow(people):
  """Follows one person: who is large, sure and present most, all three together.

  People are told apart by where head and shoulders are and how large they are, from each frame to
  the next; the estimator's own numbers are used where it has given one to everybody. A person may
  be unseen for any time and is known again near the same place. Where somebody is gone
  and somebody else is there from the next frame on, as at a cut of the camera, that is the same
  person. Of equals, the first of the first frame is taken.

  Args:
    people: `People`.

  Returns:
    keypoints: (F, 133, 3) float32, zeros where the person is not seen.
    several: (F,) bool, in which frames more than one person is seen; somebody whom the estimator
      has found twice is one person.
  """
  counts = people.counts
  if (counts == 1).all():
    return people.keypoints, np.zeros(len(counts), bool)
  frames = np.repeat(np.arange(len(counts)), counts)
  centres, sizes, weights = _measures(people.keypoints)
  kept = _different(frames, centres, sizes, weights)
  several = np.bincount(frames[kept], minlength=len(counts)) > 1
  if several.any():
    ids = None if people.ids is None else people.ids[kept]
    tracks = _own_tracks(frames[kept], ids)
    if tracks is None:
      tracks = _tracks(frames[kept], centres[kept], sizes[kept])
    kept = kept[_followed(tracks, frames[kept], weights[kept])]
  keypoints = np.zeros((len(counts), *people.keypoints.shape[1:]), np.float32)
  keypoints[frames[kept]] = people.keypoints[kept]
  return keypoints, several


def _measures(keypoints):
  """Centre (N, 2), size (N,) in the coordinates' units, and weight (N,) of each detection."""
  centres, sizes, weights = np.empty((len(keypoints), 2)), *np.empty((2, len(keypoints)))
  for start in range(0, len(keypoints), 1000):  # in pieces, whose float64 take little memory
    piece = slice(start, start + 1000)
    points = keypoints[piece].astype(np.float64)
    places, confidences = points[..., :2], points[..., 2].clip(0, 1)
    centre, spread = _mean(places, confidences)
    head, _ = _mean(places[:, HEAD], confidences[:, HEAD] * (confidences[:, HEAD] > _SEEN))
    has_head = (confidences[:, HEAD] > _SEEN).any(1)
    first, second = (places[:, joints] for joints in _PAIRS)
    both = (confidences[:, _PAIRS] > _SEEN).all(1)
    width = np.where(both, np.linalg.norm(first - second, axis=-1), 0).max(1)
    centres[piece] = np.where(has_head[:, None], head, centre)
    sizes[piece] = np.maximum(np.where(width > 0, width, spread), 1e-6)
    weights[piece] = sizes[piece] * confidences.mean(1)
  return centres, sizes, weights


def _mean(places, weights):
  """Mean (n, 2) and spread (n,) of places (n, joints, 2), by weights (n, joints)."""
  total = np.maximum(weights.sum(1), 1e-9)[:, None]
  mean = (places * weights[..., None]).sum(1) / total
  squares = ((places - mean[:, None]) ** 2).sum(-1)
  return mean, np.sqrt((squares * weights).sum(1) / total[:, 0])


def _cost(centres, sizes, other_centres, other_sizes):
  """How different people (n) are from others (m): (n, m)."""
  distance = np.linalg.norm(centres[:, None] - other_centres, axis=-1)
  ratio = np.log(sizes[:, None] / other_sizes)
  return distance / np.maximum(sizes[:, None], other_sizes) + np.abs(ratio)


def _groups(frames):
  """Slices of the detections of each frame that has some, for ascending `frames`."""
  bounds = [0, *(np.flatnonzero(np.diff(frames)) + 1), len(frames)]
  return [slice(start, end) for start, end in zip(bounds, bounds[1:], strict=False) if start < end]


def _different(frames, centres, sizes, weights):
  """Indices, ascending, of detections of somebody, without second ones of the same person."""
  found = np.flatnonzero(weights > 0)
  kept = []
  for group in _groups(frames[found]):
    rows = found[group]
    if len(rows) > 1:
      rows = rows[np.argsort(-weights[rows], kind="stable")[:_NEAREST]]
      alike = _cost(centres[rows], sizes[rows], centres[rows], sizes[rows]) < _SAME
      rows = np.sort(rows[~np.triu(alike, 1).any(0)])
    kept.append(rows)
  return np.concatenate(kept) if kept else found


def _own_tracks(frames, ids):
  """Tracks by the estimator's own numbers, or None where these do not tell everybody apart."""
  if ids is None or (ids < 0).any():
    return None
  pairs = np.stack([frames, ids], axis=1)
  is_clear = len(np.unique(pairs, axis=0)) == len(pairs)
  return np.unique(ids, return_inverse=True)[1] if is_clear else None


def _tracks(frames, centres, sizes):
  """Number of the person of each detection, in the order of first appearance."""
  tracks = np.empty(len(frames), np.int64)
  count, numbers, last = 0, np.empty(0, np.int64), np.empty(0, np.int64)  # last: their detections
  for group in _groups(frames):
    rows = np.arange(group.start, group.stop)
    found = _nearest(_cost(centres[rows], sizes[rows], centres[last], sizes[last]))
    new = found < 0
    tracks[rows[~new]] = numbers[found[~new]]
    tracks[rows[new]] = count + np.arange(new.sum())
    count += int(new.sum())
    unseen = np.delete(np.arange(len(numbers)), found[~new])
    numbers = np.concatenate([numbers[unseen], tracks[rows]])[-_TRACKS:]
    last = np.concatenate([last[unseen], rows])[-_TRACKS:]
  return tracks


def _nearest(cost):
  """The column of each row, -1 for none, the cheapest pair first; `cost` is written to."""
  found = np.full(len(cost), -1)
  while cost.size:
    row, column = np.unravel_index(cost.argmin(), cost.shape)
    if not cost[row, column] <= _REACH:
      break
    found[row] = column
    cost[row], cost[:, column] = np.inf, np.inf
  return found


def _followed(tracks, frames, weights):
  """Which detections are of the person who weighs most, or of who takes this one's place.

  Somebody who is not seen beside the person, and comes or goes when the person goes or comes, is
  the same one after a cut of the camera or a hasty move.
  """
  chosen = tracks == np.bincount(tracks, weights).argmax()
  order = np.lexsort((frames, tracks))
  breaks = (np.diff(tracks[order]) != 0) | (np.diff(frames[order]) > _CUT)
  runs = [part for part in np.split(order, np.flatnonzero(breaks) + 1) if not chosen[part[0]]]
  if not runs:
    return chosen
  first, last = (frames[[part[end] for part in runs]] for end in (0, -1))
  total = np.array([weights[part].sum() for part in runs])
  of_track = tracks[[part[0] for part in runs]]
  seen = np.zeros(frames[-1] + 1, bool)
  seen[frames[chosen]] = True
  for _ in range(_MOST_CUTS):
    beside = np.bincount(tracks, seen[frames] & ~chosen) > _GLITCH
    near = np.convolve(seen, np.ones(2 * _CUT + 1), "same") > 0.5
    fits = np.flatnonzero((near[first] | near[last]) & ~beside[of_track])
    heaviest = fits[np.argsort(-total[fits], kind="stable")]
    taken = [_take(runs[part], frames, seen) for part in heaviest]
    taken = np.concatenate([*taken, fits[:0]])
    if not len(taken):
      break
    chosen[taken] = True
  return chosen


def _take(run, frames, seen):
  """The detections of a run in frames that are not marked as seen yet; they are now."""
  run = run[~seen[frames[run]]]
  seen[frames[run]] = True
  return run
