"""What the configurations of systems that recognise isolated signs share."""

from collections.abc import Mapping
from typing import Any

import ml_collections

_DATA = {  # of segments of videos in a table
    "labels": "",  # CSV file, see docs/sign_encoder.md
    "videos": "",  # folder that the table's paths begin in
    "size": 224,  # of the frames, after resizing to 8 / 7 of it and cropping
    "scale": 0.1, "jitter": 0.2, "flip": False,  # of the training windows
    "augment_per": "window",  # or "batch", of which all windows have one colour and flip
    "cache_gib": 2.0,  # host memory for decoded segments
    "num_workers": 0,
    "reader_timeout": 300.0,  # seconds that a batch may take; 0: any number
}
_OPTIM = {
    "name": "sgd", "lr": 0.01,
    "schedule": "warmup_cosine", "warmup": 0.1,  # or "constant", without warm-up
    "momentum": 0.9, "weight_decay": 0.0, "clip_norm": 10.0,
    "b1": 0.9, "b2": 0.999, "eps": 1e-8,  # of optim.name=adam
}


def recognition_config(
    name: str, title: str, model: Mapping[str, Any], *, data: Mapping[str, Any] = _DATA,
    init: Mapping[str, Any] | None = None, optim: Mapping[str, Any] = _OPTIM,
) -> ml_collections.ConfigDict:
  """The configuration of a system that recognises isolated signs.

  Args:
    name: of the system.
    title: of its curves.
    model: dict, what the `model` section holds beside name, num_classes and dtype.
    data, init, optim: the sections; by default those of a system that reads windows of segments.

  Returns:
    ml_collections.ConfigDict.
  """
  init = init or {
      name: "",  # file of the system's weights; "" is seeded random numbers
      "classifier": "file",  # or "fresh": the file's last layer is not used
  }
  return ml_collections.ConfigDict({
      "task": "recognition",
      "title": title,
      "seed": 0,
      "batch_size": 32,
      "eval_batch_size": 32,
      "epochs": 10,
      "steps": 0,  # updates in all; 0 leaves it to epochs
      "eval_every": 500,
      "log_every": 10,
      "data": dict(data),
      "model": {
          "name": name,
          "num_classes": 0,  # 0: those of the file, or as many as the labels need
          "dtype": "auto",  # of matrix products: bfloat16 on accelerators, float32 on CPUs
          **model,
      },
      "init": dict(init),
      "optim": dict(optim),
      "mesh": {"fsdp": 1, "tensor": 1},  # the rest of the devices is "data"
      "quick_compile": False,  # on CPU: a step is compiled in half the time, for short runs
      "profile": False,  # leaves a trace of a few steps in WORKDIR/profile
  })
