"""What the page runs on, and what one can choose from."""

import pathlib
from typing import Any

import jax

from sign_jax.search import contents
from sign_jax.search.index import Index
from sign_jax.search.page import searches

_MOST_CHOICES = 500


def of(index: Index, media: pathlib.Path | None, seconds: float | None) -> dict[str, Any]:
  """JSON values.

  Args:
    index: opened with its model.
    media: the folder of the videos.
    seconds: the time limit of a search.
  """
  entries = [index.store.entry(row) for row in index.store.rows.values()]
  held = contents.of(index.store)
  devices, kind = len(jax.devices()), jax.devices()[0].device_kind
  return {
      "system": index.model.system,
      "run": pathlib.Path(index.model.trained.workdir).resolve().name,
      "index": index.store.folder.resolve().name,
      "device": kind if devices == 1 else f"{devices} x {kind}",
      "jax": jax.__version__,
      "clips": held.clips, "videos": held.videos,
      "media": media and media.resolve().name,
      "seconds": seconds, "top": searches.TOP, "most": searches.MOST,
      "choices": {name: _choices(entries, name) for name in ("split", "signer", "source")},
  }


def _choices(entries, name):
  """The values of a filter; of many, the first."""
  return sorted({value for entry in entries if (value := getattr(entry, name))})[:_MOST_CHOICES]
