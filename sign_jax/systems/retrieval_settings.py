"""What the configurations of the retrieval systems share: data sets, sizes, optimiser."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import ml_collections
from ml_collections.config_dict import placeholder

from sign_jax.systems import options

# Sections 4.1 of CiCo and UPRet; alpha weighs the domain-agnostic features.
PUBLISHED = {
    "how2sign": {"data.alpha": 0.8},
    # Both released loaders of its training split open the agnostic features twice.
    "phoenix14t": {"data.alpha": 0.9, "data.train_second": "agnostic"},
    "csl_daily": {"data.alpha": 0.8},
}

# Trained from scratch on a CPU in minutes.
SMALL_TOWERS = {
    "model.embed_dim": 128,
    "model.video.width": 128, "model.video.layers": 2, "model.video.heads": 2,
    "model.text.width": 128, "model.text.layers": 2, "model.text.heads": 2,
}
# Rate and arithmetic of all published training go together, see docs/precision.md.
PUBLISHED_RATE = 1e-5
_AS_PUBLISHED = {"optim.precision": "released_float16", "init.fresh": "released"}
_TRAINED_FROM_SCRATCH = ("signing_sim", "video_folder")
OVERRIDES = {
    "signing_sim": {
        "optim.lr": 1e-3,
        "data.name": "signing_sim/small", "data.video_length": 32, "data.text_length": 20,
        "batch_size": 128, "epochs": 50, "eval_every": 50, "eval_batch_size": 64,
    },
    **{name: {"data.name": name, **_AS_PUBLISHED, **values} for name, values in PUBLISHED.items()},
    "video_folder": {
        "optim.lr": 1e-3,
        "data.name": "video_folder", "data.combine": "auto",
        "batch_size": 32, "epochs": 100, "eval_every": 20, "eval_batch_size": 32,
    },
}
DATASETS = tuple(OVERRIDES)


def retrieval_config(
    name: str, dataset: str | None, change: Callable[[dict], None] = lambda config: None,
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> ml_collections.ConfigDict:
  """The configuration of a retrieval system on a data set.

  Args:
    name: of the system.
    dataset: one of DATASETS, or of `overrides` where they are given; None or "" is signing_sim.
    change: function that changes the nested dict of what all retrieval systems share into the
      system's own.
    overrides: {data set: {dotted name: value}}, the system's own beside those of all systems; None
      where it has none.

  Returns:
    ml_collections.ConfigDict.

  Raises:
    UserError: on another data set.
  """
  known = DATASETS if overrides is None else tuple(overrides)
  dataset = options.known_dataset(dataset or "signing_sim", known)
  shared = _shared(name)
  change(shared)
  config = ml_collections.ConfigDict(shared)
  config.title = f"{name} on {dataset}"
  has_towers = "width" in config.model.get("video", {})
  towers = SMALL_TOWERS if has_towers and dataset in _TRAINED_FROM_SCRATCH else {}
  config.update_from_flattened_dict(
      OVERRIDES[dataset] | towers | (overrides or {}).get(dataset, {})
  )
  return config


def rate_without_its_arithmetic(config: ml_collections.ConfigDict) -> str | None:
  """A sentence where the published rate meets float32 on a published data set, or None.

  Args:
    config: the whole configuration.
  """
  optim = config.optim
  is_published = config.data.name.split("/")[0].split(":")[0] in PUBLISHED
  if not is_published or optim.name != "released_adam" or optim.lr != PUBLISHED_RATE:
    return None
  if optim.get("precision", "float32") == "released_float16":
    return None
  return (
      f"optim.lr={PUBLISHED_RATE:g} belongs to the float16 moments of the released programs, and "
      "in float32 the towers learn far slower with it: leave out --config.optim.precision=float32, "
      "or choose a higher --config.optim.lr on the validation split (docs/precision.md)"
  )


def _shared(name):
  model = {
      "name": name,
      "variant": "released",  # or "paper"; it decides every switch that is left None
      # Of matrix products: "auto" is bfloat16 on accelerators and float32 on CPUs. "float16" is the
      # released one, of the towers alone.
      "dtype": "auto",
      "embed_dim": 512,
      "video": {"width": 768, "layers": 12, "heads": 12},
      "text": {"width": 512, "layers": 12, "heads": 8},
      "token_pooling": placeholder(str),  # "softmax" or "max" (eq. 24)
      "mask_padding": placeholder(bool),  # of the token softmaxes
      "loss": placeholder(str),  # "four_terms" or "joint" (eq. 24-26)
      "temperature": 0.07,
      "max_elements": 0,  # of one tile of the late interaction; 0 suits the device
      "remat": False,  # computes the towers' blocks again on the way back, to save memory
      "attention": "xla",  # or "cudnn": bfloat16 on NVIDIA GPUs
  }
  return {
      "task": "retrieval",
      "title": "",
      "seed": 0,
      "batch_size": 512,
      "eval_batch_size": 128,
      "epochs": 200,
      "steps": 0,  # updates in all; 0 leaves it to epochs
      "eval_every": 200,
      "log_every": 10,
      "ties": "expected",  # rank of tied scores; "released", "averaged": see metrics/retrieval.py
      # What is measured: videos of one sentence are all right, or "pair": each has a sentence of
      # its own, also where texts repeat.
      "protocol": "sentence",
      "data": {
          "name": "",
          "data_dir": "",  # empty: $TFDS_DATA_DIR or ~/tensorflow_datasets
          "video_length": 64,
          "text_length": 32,
          "alpha": 0.8,
          # Of the streams: "sum" or "cat" of agnostic and aware, or of other two, as in
          # "sum:kinetics,bobsl"; one stream's name; or "auto".
          "combine": "sum",
          # In the place of "aware" where training combines these two; evaluation reads "aware".
          "train_second": "aware",  # or "agnostic"
          "caption": "text",  # the field that the text tower reads, e.g. "sentence"
          # A training example: a sentence, with one of its videos drawn; or "pair", each video.
          "sample": "sentence",
          # Augmented text: of a swap of two words; of each word's replacement and deletion (EDA).
          "swap_probability": 0.5,
          "synonym_probability": 0.0,
          "deletion_probability": 0.0,
          "synonyms": "",  # file, a group of words per line; empty: our small English table
          "placement": "host",  # of features: "host" and "device" memory, "disk" each time
          "cache_gib": 2.0,  # host memory for features of all splits
          "num_workers": 0,
          "reader_timeout": 300.0,  # seconds that a batch may take; 0: any number
      },
      "model": model,
      "init": {  # where training begins; "" is seeded random numbers
          "clip": "",  # file of CLIP ViT-B/32, of OpenAI or Hugging Face, for both towers
          "model": "",  # file of a released checkpoint of the system, or of sign_jax.export
          # How the rest is drawn: "lecun" (Flax), or "released" (PyTorch, see weights/fresh.py).
          "fresh": "lecun",
      },
      "optim": {
          "name": "released_adam",  # or "adam", without clipping and decay
          "lr": PUBLISHED_RATE,
          "schedule": "warmup_cosine", "warmup": 0.1,  # or "constant", without warm-up
          "b1": 0.9, "b2": 0.98, "eps": 1e-6,
          "weight_decay": 0.001, "decay_norms": True, "clip_norm": 1.0,
          "max_logit_scale": math.log(100),
          # Of released_adam: or "released_float16", in which the towers' matrices and their moments
          # were published.
          "precision": "float32",
          # On so many, the released program scales all gradients from before the gathering of
          # features by 1 / N.
          "released_gpus": 1,
      },
      "fusion": {  # in evaluation: similarities that are added to the model's
          "runs": "",  # workdirs of other runs on the same data, DIR,DIR
          "weights": (),  # of the model and each run, in this order; () is their mean
      },
      "mesh": {"fsdp": 1, "tensor": 1},  # the rest of the devices is "data"
      "gradient_cache": {"chunks": 0},  # of a batch whose activations do not fit; 0: in one piece
      "profile": False,  # leaves a trace of a few steps in WORKDIR/profile
  }
