"""What readers of a built data set's videos share: its splits, opened once, and their sizes."""

import abc
import functools
from collections.abc import Mapping
from typing import Any

import ml_collections

from sign_jax.data import records
from sign_jax.data.cache import FeatureCache
from sign_jax.data.splits import SPLITS
from sign_jax.errors import UserError
from sign_jax.files import existing_folder


class SplitReader(abc.ABC):
  """The splits of the data set `data.name`; a subclass has `_open(name)`.

  Attributes:
    unit: what a batch counts, in the plural.
    source: the data set's NAME[/CONFIG]:VERSION, set by a subclass.
  """

  unit: str
  source: str

  def __init__(
      self, data: ml_collections.ConfigDict, splits: Mapping[str, Any] | None = None
  ) -> None:
    """Opens nothing yet.

    Args:
      data: the section `data` of a configuration.
      splits: {name: split} in place of the data set's own (tests).

    Raises:
      UserError: there is no folder of the videos where one is named.
    """
    self._data, self._splits, self._given = data, dict(splits or {}), tuple(splits or ())
    self._cache = FeatureCache(int(data.cache_gib * 2**30))
    if data.videos:
      existing_folder(data.videos, "--config.data.videos", "pass the folder of the videos")

  @abc.abstractmethod
  def _open(self, name: str) -> Any:
    """A split, by its name."""

  @functools.cached_property
  def measured_splits(self) -> tuple[str, ...]:
    """Those of "validation" and "test" that there are.

    Raises:
      UserError: there is neither.
    """
    return records.measured_splits(self._data.name, self._data.data_dir or None, self._given)

  def split(self, name: str) -> Any:
    """A split, opened once."""
    if name not in self._splits:
      self._splits[name] = self._open(name)
    return self._splits[name]

  def open_measured(self) -> None:
    """Opens what will be measured: that it is missing must not be noticed after hours."""
    for name in self.measured_splits:
      self.split(name)

  @functools.cached_property
  def fingerprint(self) -> str:
    """Of the data set on disk."""
    return records.fingerprint(self._data.name, self._data.data_dir or None)

  def check(self) -> None:
    """Raises UserError where a split that training needs is empty or not there."""
    for name in SPLITS[:2]:
      if not len(self.split(name)):
        raise UserError(f"{self.source} has no {self.unit} in {name}: build it again with some")

  def size(self, split: str) -> int:
    """The number of examples of a split."""
    return len(self.split(split))
