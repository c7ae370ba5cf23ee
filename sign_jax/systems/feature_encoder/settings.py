"""The settings of the encoder on features; `configs/feature_encoder.py` says what they are for."""

import ml_collections

from sign_jax.systems import options
from sign_jax.systems.recognition_settings import recognition_config

DATASETS = ("signing_sim",)


def config(dataset: str | None = None) -> ml_collections.ConfigDict:
  """The whole configuration; `dataset` is one of DATASETS, or None.

  Raises:
    UserError: on another data set.
  """
  options.known_dataset(dataset or "signing_sim", DATASETS)
  found = recognition_config(
      "feature_encoder", "sign encoder on features", {"widths": (512, 256)},
      data={
          "labels": "",  # CSV file, see docs/sign_encoder.md; its videos are feature files
          "videos": "",  # folder that the table's paths begin in
          "dim": 256,  # columns of the features
          "cache_gib": 2.0,  # host memory for the segments' features
          "num_workers": 0,
          "reader_timeout": 300.0,  # seconds that a batch may take; 0: any number
      },
  )
  found.update_from_flattened_dict({
      "batch_size": 128, "eval_batch_size": 256, "steps": 700, "epochs": 0, "eval_every": 350,
      "optim.name": "adam", "optim.lr": 5e-3, "optim.schedule": "constant",
  })
  return found
