"""What the retrieval configurations share: data sets, sizes, optimiser."""

import math

import ml_collections
from ml_collections.config_dict import placeholder

from sign_jax.errors import UserError, did_you_mean

# Sections 4.1 of CiCo and UPRet; alpha weighs the domain-agnostic features.
PUBLISHED = {
    "how2sign": {"data.alpha": 0.8},
    "phoenix14t": {"data.alpha": 0.9},
    "csl_daily": {"data.alpha": 0.8},
}
DATASETS = ("signing_sim", *PUBLISHED, "video_folder")

# Trained from scratch on a CPU in minutes.
SMALL_TOWERS = {
    "model.embed_dim": 128,
    "model.video.width": 128, "model.video.layers": 2, "model.video.heads": 2,
    "model.text.width": 128, "model.text.layers": 2, "model.text.heads": 2,
    "optim.lr": 1e-3,
}
OVERRIDES = {
    **{name: {"data.name": name, **values} for name, values in PUBLISHED.items()},
    "signing_sim": {
        **SMALL_TOWERS,
        "data.name": "signing_sim/small", "data.video_length": 32, "data.text_length": 20,
        "batch_size": 128, "epochs": 50, "eval_every": 50, "eval_batch_size": 64,
    },
    "video_folder": {
        **SMALL_TOWERS,
        "data.name": "video_folder", "data.combine": "auto",
        "batch_size": 32, "epochs": 100, "eval_every": 20, "eval_batch_size": 32,
    },
}
# Of SEDS beside those above. Sizes are those of the pictures that the poses were estimated on.
WITH_POSES = {
    "how2sign": {
        "data.name": "how2sign/features_pose", "data.image_size": (1280, 720),
        "data.cache_gib": 8.0,  # its poses and features
    },
    "phoenix14t": {"data.name": "phoenix14t/features_pose", "data.image_size": (210, 260)},
    "csl_daily": {"data.name": "csl_daily/features_pose", "data.image_size": (512, 512)},
    "signing_sim": {
        "data.image_size": (256, 256), "data.max_frames": 60, "data.video_length": 16,
        "model.pose.width": 8, "model.pose.dropout": 0.0, "model.fusion.heads": 4,
        "batch_size": 64, "epochs": 20, "eval_every": 80,
        "optim.groups.pose.lr": 1e-3, "optim.groups.fusion.lr": 1e-3,
    },
}


def retrieval_config(system, dataset):
  """The configuration of a retrieval system on a data set.

  Args:
    system: "cico", "upret" or "seds".
    dataset: one of DATASETS, for SEDS of WITH_POSES; None or "" is signing_sim.

  Raises:
    UserError: on another data set.
  """
  dataset = dataset or "signing_sim"
  known = tuple(WITH_POSES) if system == "seds" else DATASETS
  if dataset not in known:
    raise UserError(
        f"there is no setting for data set {dataset!r}: choose one of {', '.join(known)}"
        + did_you_mean(dataset, known)
    )
  config = ml_collections.ConfigDict(_published(system))
  config.title = f"{system} on {dataset}"
  config.update_from_flattened_dict(OVERRIDES[dataset])
  if system == "seds":
    config.update_from_flattened_dict(WITH_POSES[dataset])
  return config


def _published(system):
  config = _shared(system)
  changes = {"cico": lambda config: None, "upret": _add_upret, "seds": _add_seds}
  changes[system](config)
  return config


def _add_upret(config):
  config["model"] |= {
      "distribution": {
          "modelling": True,  # DM of table 4
          "sampling": True,  # RS of table 4
          "samples": 2,  # figure 3 (a)
          "first_is_mean": placeholder(bool),  # or all K are draws
          "video": True, "text": True,  # table 6
          "structure": "mlp+attention",  # table 7
          "split": placeholder(str),  # into mean and sigma: "after" or "before" the attention
          "score_scale": placeholder(str),  # "released" or "paper"
          "dropout": 0.1,
          "refine": False,  # late interaction on eq. 11-12
      },
      "ot": {
          "weight": 1.0,  # lambda, figure 3 (b)
          "level": placeholder(str),  # "sample" or "token"
          "scaled": placeholder(bool),  # divided by the temperature
          "solver": "ott",  # or "scaling"; at sample level also "closed_form", "released"
          "epsilon": 0.1,
          "iterations": 50,
          "max_elements": 0,  # of one tile of token-level plans; 0 suits the device
      },
  }


def _add_seds(config):
  del config["model"]["loss"]
  config["model"] |= {
      "streams": "both",  # or "pose", "rgb" (table 4)
      "pose": {
          "width": 128,  # of the first graph convolutions; a window has 12 times as many channels
          "dropout": 0.05, "head_dropout": 0.25,
          "max_windows": 0,  # of a batch without padding, which then costs no memory; one device
      },
      "fusion": {
          # Or "cross_attention", "add_mlp", "concat_mlp", "concat_transformer" (table 5).
          "kind": "cgaf",
          "keys": (5, 3),  # N of every layer
          "heads": 8,
          "roles": placeholder(str),  # "released" or "paper"
          "sampling": placeholder(str),  # "released" or "exact"
          "merge": placeholder(str),  # "released" or "paper" (eq. 3)
          "dropout": 0.1,
      },
      "alpha": placeholder(float),  # eq. 4, figure 5 (a)
      "beta": 0.4,  # eq. 7, figure 5 (b); 0 is without matching (table 6)
  }
  config["data"] |= {
      "combine": "agnostic",  # features of the encoder that is not fine-tuned, as in the paper
      "image_size": (0, 0),  # width and height in pixels; (0, 0): as the data set states
      "max_frames": 300,  # of a video, by striding
      "no_hands": "skip",  # videos that show no usable hand; or "stop"
  }
  config["init"] |= {"signbert": ""}  # file of SignBERT's pose encoder
  config["optim"]["groups"] = {  # rates of parameters by their paths, in place of lr
      "pose": {"paths": "^pose_encoder/", "lr": 1e-4},
      "fusion": {"paths": "^fuse/", "lr": 1e-4},
  }
  config["batch_size"] = 128


def _shared(system):
  model = {
      "name": system,
      "variant": "released",  # or "paper"; it decides every switch that is left None
      "dtype": "auto",  # of matrix products: bfloat16 on accelerators, float32 on CPUs
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
      "ties": "expected",  # rank of tied scores; "released" reproduces the released evaluation
      "data": {
          "name": "",
          "data_dir": "",  # empty: $TFDS_DATA_DIR or ~/tensorflow_datasets
          "video_length": 64,
          "text_length": 32,
          "alpha": 0.8,
          "combine": "sum",  # of the streams: "sum", "cat", "auto", or one stream's name
          "caption": "text",  # the field that the text tower reads, e.g. "sentence"
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
      },
      "optim": {
          "name": "released_adam",  # or "adam", without clipping and decay
          "lr": 1e-5, "warmup": 0.1, "b1": 0.9, "b2": 0.98, "eps": 1e-6,
          "weight_decay": 0.001, "decay_norms": True, "clip_norm": 1.0,
          "max_logit_scale": math.log(100),
      },
      "mesh": {"fsdp": 1, "tensor": 1},  # the rest of the devices is "data"
      "gradient_cache": {"chunks": 0},  # of a batch whose activations do not fit; 0: in one piece
      "profile": False,  # leaves a trace of a few steps in WORKDIR/profile
  }
