"""The sign encoder's settings; `configs/sign_encoder.py` says what they are for."""

import ml_collections

from sign_jax.systems import options
from sign_jax.systems.recognition_settings import recognition_config

# As CiCo's released trainer fine-tunes.
RELEASED = {
    "batch_size": 4, "epochs": 15,
    "optim.schedule": "constant", "optim.clip_norm": 1e9,  # no gradient is so long: no clipping
    "data.flip": True, "data.augment_per": "batch",
}
SIGNING_SIM = {
    "data.size": 64,
    "model.width": 0.25, "model.dropout": 0.2,
    "batch_size": 32, "eval_batch_size": 64, "steps": 4000, "epochs": 0,
    "eval_every": 500,
    "optim.name": "adam", "optim.lr": 3e-3,  # SGD had learned nothing after 500
}
OVERRIDES = {
    **dict.fromkeys(("how2sign", "phoenix14t", "csl_daily"), RELEASED),
    "video_folder": {},
    "signing_sim": SIGNING_SIM,
}
DATASETS = tuple(OVERRIDES)


def config(dataset: str | None = None) -> ml_collections.ConfigDict:
  """The whole configuration for a data set, one of DATASETS; None is how2sign.

  Raises:
    UserError: on another data set.
  """
  dataset = options.known_dataset(dataset or "how2sign", DATASETS)
  # `width` multiplies all channels.
  found = recognition_config("i3d", f"sign encoder on {dataset}", {"width": 1.0, "dropout": 0.5})
  found.update_from_flattened_dict(OVERRIDES[dataset])
  return found
