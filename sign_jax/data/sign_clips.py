"""The isolated signs of one split of a built data set, as `tasks.isolated` reads them."""

import numpy as np

from sign_jax.data import sign_records
from sign_jax.data.cache import FeatureCache, new_key
from sign_jax.data.records import open_split
from sign_jax.errors import UserError

MARGIN = 4  # mean number of frames before and behind a sign of a sentence
_CLASSES = 2**20


class SignClips:
  """Metadata of a split's clips, and their frames and keypoints on demand.

  May be pickled and shared between threads.

  Attributes:
    label: NAME[/CONFIG]:VERSION of the data set.
    clips: list of `sign_records.Clip`.
    labels: (N,) int32, their classes.
    num_classes: of the data set.
    names: list of str, the classes' names; None where they have none.
    gloss_vectors: what the data set notes as their vectors, of whatever kind; None without any.
    listed, missing: number of videos that the annotations list, and of those that are not there.
    lookalikes: [(class, class, related)] of signs that look alike; related in meaning or not.
    fields: "video", "keypoints" or both: what `read` gives.
    size: S, height and width of the frames.
  """

  def __init__(
    self, name, split, data_dir=None, *, fields=("video",), size=256, videos="", margin=MARGIN,
    boxes=False, cache=None, left_out=False,
  ):  # fmt: skip
    """Reads what the records say beside frames and poses.

    Args:
      name, split, data_dir: as for `records.open_split`.
      fields: what is to be read.
      size: of the frames; stored ones must have it.
      videos: folder that the records' paths begin in.
      margin: M; before and behind a sign that is cut from a sentence there are 0 to 2 M frames of
        the transitions, drawn from its name.
      boxes: whether clips with a box are cut to it, frames and keypoints alike.
      cache: `FeatureCache` of whole clips; by default they are read each time.
      left_out: whether signs of sentences that are no classes are there too; their labels follow
        those of the classes.

    Raises:
      UserError: as `open_split`; no isolated signs; labels out of range; no frames or keypoints.
    """
    source = open_split(name, split, data_dir)
    self.label, self.split, self.fields, self.size = source.label, split, tuple(fields), size
    metadata = source.metadata
    facts = _facts(metadata.get("isolated"), self.label)
    self.names, self.num_classes = facts["glosses"], facts["num_classes"]
    if left_out and self.names is not None:
      others = dict.fromkeys(sign_records.left_out(metadata))
      self.names = [*self.names, *(name for name in others if name not in self.names)]
      self.num_classes = len(self.names)
    self.gloss_vectors = metadata.get("gloss_vectors")
    clips = sign_records.clips_of(source, self.names)(margin)
    self.clips = clips if boxes else [clip._replace(box=None) for clip in clips]
    self._reader = sign_records.Reader(source, self.fields, size, videos)
    self._check_labels()
    self.labels = np.array([clip.label for clip in self.clips], np.int32)
    self.listed = facts["listed"].get(split, len(self))
    self.missing = facts["missing"].get(split, 0)
    self.lookalikes = list(_lookalikes(metadata.get("lookalike_pairs"), self.names))
    self._cache, self._key = FeatureCache(0) if cache is None else cache, new_key()

  def __len__(self):
    return len(self.clips)

  def num_frames(self, index):
    """T of a clip."""
    return self.clips[index].count

  def read(self, index, start=0, stop=None):
    """Frames start <= i < stop of a clip, by default all T.

    Returns:
      {"video": (n, S, S, 3) uint8 RGB, "keypoints": (n, 133, 3) float32}, those of `fields`; x and
      y of the keypoints are shares of the picture, or of the box. Not to be written to.

    Raises:
      UserError: as `sign_records.Reader.read`.
    """
    clip, key = self.clips[index], (self._key, index)
    stop = clip.count if stop is None else stop
    held = self._cache.get(key)
    if held is not None:
      return {name: array[start:stop] for name, array in held.items()}
    found = self._reader.read(clip, start, stop)
    if (start, stop) == (0, clip.count):
      self._cache.put(key, found)
    return found

  def _check_labels(self):
    for clip in self.clips:
      if not 0 <= clip.label < self.num_classes:
        raise UserError(
          f"{clip.name} has the label {clip.label}, and the data set {self.num_classes} classes: "
          "correct the annotations and build it again"
        )


def _facts(noted, label):
  """What a data set notes of its isolated signs, checked: a stranger may have written it."""
  noted = noted if isinstance(noted, dict) else {}
  glosses, count = noted.get("glosses"), noted.get("num_classes")
  named = glosses is None or isinstance(glosses, list) and all(isinstance(x, str) for x in glosses)
  if type(count) is not int or not 1 <= count <= _CLASSES or not named:
    raise UserError(
      f"data set {label!r} does not say which isolated signs it has: build one that does, such as "
      "wlasl, or signing_sim/frames"
    )
  if glosses is not None and len(glosses) != count:
    raise UserError(f"data set {label!r} names {len(glosses)} of {count} classes: build it again")
  counts = {key: _counts(noted.get(key)) for key in ("listed", "missing")}
  return {"glosses": glosses, "num_classes": count, **counts}


def _counts(noted):
  items = noted.items() if isinstance(noted, dict) else ()
  return {str(key): value for key, value in items if type(value) is int and value >= 0}


def _lookalikes(noted, names):
  """Yields (class, class, related) of pairs {"glosses": [a, b], "related": bool}."""
  number_of = {name: number for number, name in enumerate(names or ())}
  for pair in noted if isinstance(noted, list) else ():
    glosses = pair.get("glosses") if isinstance(pair, dict) else None
    if not isinstance(glosses, list) or len(glosses) != 2:
      continue
    found = [number_of.get(name) for name in glosses if isinstance(name, str)]
    if len(found) == 2 and None not in found:
      yield *found, bool(pair.get("related"))
