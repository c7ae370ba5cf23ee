"""The sign encoder's settings; `configs/sign_encoder.py` says what they are for."""

import ml_collections

from sign_jax.errors import UserError, did_you_mean

CORPORA = ("how2sign", "phoenix14t", "csl_daily", "video_folder")
DATASETS = (*CORPORA, "signing_sim")
SIGNING_SIM = {
    "data.size": 64,
    "model.width": 0.25, "model.dropout": 0.2,
    "batch_size": 32, "eval_batch_size": 64, "steps": 4000, "epochs": 0,
    "eval_every": 500,
    "optim.name": "adam", "optim.lr": 3e-3,  # SGD had learned nothing after 500
}


def config(dataset=None):
  """The whole configuration for a data set, one of DATASETS; None is how2sign.

  Raises:
    UserError: on another data set.
  """
  dataset = dataset or "how2sign"
  if dataset not in DATASETS:
    raise UserError(
        f"there is no setting for data set {dataset!r}: choose one of {', '.join(DATASETS)}"
        + did_you_mean(dataset, DATASETS)
    )
  found = ml_collections.ConfigDict({
      "task": "recognition",
      "title": f"sign encoder on {dataset}",
      "seed": 0,
      "batch_size": 32,
      "eval_batch_size": 32,
      "epochs": 10,
      "steps": 0,  # updates in all; 0 leaves it to epochs
      "eval_every": 500,
      "log_every": 10,
      "data": {
          "labels": "",  # CSV file, see docs/sign_encoder.md
          "videos": "",  # folder that the table's paths begin in
          "size": 224,  # of the frames, after resizing to 8 / 7 of it and cropping
          "scale": 0.1, "jitter": 0.2, "flip": False,  # of the training windows
          "cache_gib": 2.0,  # host memory for decoded segments
          "num_workers": 0,
          "reader_timeout": 300.0,  # seconds that a batch may take; 0: any number
      },
      "model": {
          "name": "i3d",
          "width": 1.0,  # multiplies all channels
          "num_classes": 0,  # 0: those of the file, or as many as the labels need
          "dropout": 0.5,
          "dtype": "auto",  # of matrix products: bfloat16 on accelerators, float32 on CPUs
      },
      "init": {
          "i3d": "",  # file of I3D weights; "" is seeded random numbers
          "classifier": "file",  # or "fresh": the file's last layer is not used
      },
      "optim": {
          "name": "sgd", "lr": 0.01, "warmup": 0.1, "momentum": 0.9, "weight_decay": 0.0,
          "clip_norm": 10.0,
          "b1": 0.9, "b2": 0.999, "eps": 1e-8,  # of optim.name=adam
      },
      "mesh": {"fsdp": 1, "tensor": 1},  # the rest of the devices is "data"
      "profile": False,  # leaves a trace of a few steps in WORKDIR/profile
  })
  if dataset == "signing_sim":
    found.update_from_flattened_dict(SIGNING_SIM)
  return found
