"""NLA-SLR's settings; `configs/nla_slr.py` says what they are for."""

from collections.abc import Mapping
from typing import Any

import ml_collections
from ml_collections.config_dict import placeholder

from sign_jax.errors import UserError
from sign_jax.systems import options
from sign_jax.systems.recognition_settings import recognition_config

MODEL = {
    "variant": "released",  # or "paper"; it decides the switches that are left None
    "modalities": "both",  # or "video", "keypoint" (table 4)
    "lengths": "both",  # or "long", "short" (table 4)
    "width": 1.0,  # multiplies all channels
    "depth": "full",  # or "small", which has three of the nine Inception blocks
    "norm_momentum": 1e-3,  # share of a batch in the running statistics of BatchNorm
    "embedding": 0,  # numbers of a gloss's vector, of a model without data; 0: none are known
    "heatmap_sigma": 0.0,  # pixels of the canvas that keypoints are drawn on; 0: as published
    "smoothing": "language",  # or "uniform", "none" (tables 5 and 8)
    "smoothing_eps": 0.2,  # what the other classes have together (table 8)
    "smoothing_temperature": 0.5,
    "inter_mixup": True,  # features with the vectors of glosses (tables 6 and 7)
    "inter_mixup_decay": True,  # its weight falls along a cosine (table 7)
    "integration": True,  # pulls the first classifier to that of the mixup (table 7)
    "integration_base": 0.99,  # what the first one keeps of itself in the first epoch's updates
    "intra_mixup": 0.75,  # probability that a batch is blended with itself; 0: never (table 6)
    "mixup_alpha": 0.8,  # of the blend's share, Beta(alpha, alpha)
    "ensemble": "last",  # the heads that predict: those that join streams, or "all"
}
DATA = {
    "name": "",
    "data_dir": "",  # empty: $TFDS_DATA_DIR or ~/tensorflow_datasets
    "videos": "",  # folder that the records' paths begin in
    "gloss_embeddings": "",  # file of the glosses' vectors; empty: the data set's own, or none
    "frames": 64,  # of a long clip; a short one has half of them
    "margin": 4,  # frames of the transitions around a sign that is cut from a sentence
    "boxes": False,  # cuts clips to the boxes of their signers, where the annotations have any
    "size_stored": 256,  # of the pictures, as they are read
    "size": 224,  # of the pictures that the network reads
    "heatmap_size": 112,  # of the maps; half of `size` where both are read
    "least_area": 0.7,  # of the picture, that a training crop keeps; 1: no crop
    "jitter": 0.3,  # probability that the colours of a training clip are changed
    "crops": 1,  # clips of a sign in evaluation, or 3
    "linear_baseline": False,  # classifies the keypoints linearly beside it
    "cache_gib": 2.0,  # host memory for decoded clips
    "num_workers": 0,
    "reader_timeout": 300.0,  # seconds that a batch may take; 0: any number
}
INIT = {
    "model": "",  # file of a whole model's weights
    # Where streams begin: a run's folder, or a file of weights.
    "video_long": "", "keypoint_long": "", "video_short": "", "keypoint_short": "",
    "long": "", "short": "",  # both streams of a length, with the connections between them
}
OPTIM = {
    "name": "adam_l2", "lr": 1e-3, "b1": 0.9, "b2": 0.998, "eps": 1e-8, "weight_decay": 1e-3,
    "schedule": "cosine", "warmup": 0.0,
    "flat": False,  # sees all parameters as one vector, for many small ones on one device
}
# Small, for two CPU cores and some minutes; docs/nla_slr.md says what was measured. So few updates
# do not get over blends and changed colours, and BatchNorm must forget the first of them soon.
SIMULATOR = {
    "data.name": "signing_sim/frames", "data.linear_baseline": True,
    "data.frames": 16, "data.size_stored": 48, "data.size": 34, "data.heatmap_size": 17,
    "data.least_area": 0.85, "data.jitter": 0.0,
    "model.width": 0.25, "model.depth": "small", "model.heatmap_sigma": 12.0,
    "model.norm_momentum": 0.1, "model.intra_mixup": 0.0,
    "optim.lr": 5e-3, "optim.b2": 0.98, "optim.weight_decay": 1e-4, "optim.flat": True,
    "batch_size": 16, "epochs": 5, "eval_every": 190, "eval_batch_size": 64,
    "quick_compile": True,
}
WLASL, MSASL = (2000, 1000, 300, 100), (1000, 500, 200, 100)
# The paper has no glosses of NMFs-CSL.
NMFS_CSL = {
    "data.name": "nmfs_csl/1067_pose", "model.smoothing": "uniform", "model.inter_mixup": False,
    "eval_every": 800,
}


def _sizes(name, sizes, eval_every):
  """{"NAME_SIZE": overrides, ..., "NAME": those of the largest}."""
  found = {
      f"{name}_{n}": {"data.name": f"{name}/{n}_pose", "eval_every": eval_every} for n in sizes
  }
  return {**found, name: found[f"{name}_{sizes[0]}"]}


OVERRIDES = {
    "signing_sim": SIMULATOR,
    **_sizes("wlasl", WLASL, 440),
    **_sizes("msasl", MSASL, 500),
    "nmfs_csl": NMFS_CSL,
}
DATASETS = tuple(OVERRIDES)


def config(dataset: str | None = None) -> ml_collections.ConfigDict:
  """The whole configuration for a data set, one of DATASETS; None is signing_sim.

  Raises:
    UserError: on another data set.
  """
  dataset = options.known_dataset(dataset or "signing_sim", DATASETS)
  # A placeholder is shared by all that hold it, so that each configuration needs its own.
  switches = {"heatmap": placeholder(str)}  # the drawing of keypoints, "released" or "paper"
  found = recognition_config(
      "nla_slr", f"nla_slr on {dataset}", MODEL | switches, data=DATA, init=INIT, optim=OPTIM,
  )
  found.epochs = 100
  found.optim.stairs = found.get_ref("epochs")  # the rate changes after each epoch, as released
  found.update_from_flattened_dict(OVERRIDES[dataset])
  return found


def check(values: Mapping[str, Any]) -> None:
  """Checks sizes that belong together.

  Args:
    values: {dotted name: value}, the whole configuration.

  Raises:
    UserError: on those that cannot work.
  """
  size, maps, frames = (values[f"data.{key}"] for key in ("size", "heatmap_size", "frames"))
  if values["model.modalities"] == "both" and maps != -(-size // 2):
    raise UserError(
        f"data.heatmap_size={maps} must be half of data.size={size}, {-(-size // 2)}, where videos "
        "and keypoints are read together"
    )
  if frames % 2:
    raise UserError(f"data.frames={frames} must be even, as a short clip has half of them")
