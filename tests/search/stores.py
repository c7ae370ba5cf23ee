"""Small indexes of made numbers, without a model."""

import numpy as np

from sign_jax.search.entries import Entry
from sign_jax.search.manifest import Field, Manifest
from sign_jax.search.store import Store

FIELDS = {"features": Field((3, 4), "float32"), "codes": Field((3, 6), "float16"),
          "mask": Field((3,), "bool"), "brief": Field((2,), "bfloat16")}  # fmt: skip
HEADER = Manifest({"system": "cico"}, "exact", FIELDS)


def arrays(count, seed=0):
  rng = np.random.default_rng(seed)
  return {
      name: (rng.random((count, *x.shape)) * 2).astype(x.numpy) for name, x in FIELDS.items()
  }


def clips(count, prefix="clip"):
  return [Entry(f"{prefix} {n} ä", f"videos/{n}.mp4", 0.5, 2.5, "rain", "test", "x")
          for n in range(count)]  # fmt: skip


def make(folder):
  """An index of two shards of 5 and 3 clips."""
  found = Store.create(folder, HEADER)
  found.append(arrays(5), clips(5), np.eye(4, dtype=np.float32))
  found.append(arrays(3, 1), [Entry("without")] + clips(2, "other"))
  return found


def content(store):
  """All that can be read of an index."""
  rows = np.flatnonzero(store.there())
  found = store.read(rows, FIELDS)
  return [x.tobytes() for x in found.values()], [repr(store.entry(row)) for row in rows]
