"""SEDS's settings; `configs/seds.py` says what they are for."""

import ml_collections
from ml_collections.config_dict import placeholder

from sign_jax.data import released_poses
from sign_jax.data.hand_boxes import BOTTOM
from sign_jax.systems.retrieval_settings import retrieval_config


def _published(name):
  """Of a corpus as it is released."""
  poses = released_poses.CORPORA[name]
  return {
      "data.name": f"{name}/features_pose", "data.image_size": poses.image_size,
      "data.bottom_margin": poses.bottom, "data.hand_boxes": "released",
  }


# Beside those of all retrieval systems.
WITH_POSES = {
    "how2sign": {**_published("how2sign"), "data.cache_gib": 8.0},  # its poses and features
    "phoenix14t": _published("phoenix14t"),
    "csl_daily": _published("csl_daily"),
    "signing_sim": {
        "data.image_size": (256, 256), "data.max_frames": 60, "data.video_length": 16,
        "model.pose.width": 8, "model.pose.dropout": 0.0, "model.fusion.heads": 4,
        "batch_size": 64, "epochs": 20, "eval_every": 80,
        "optim.groups.pose.lr": 1e-3, "optim.groups.fusion.lr": 1e-3,
    },
}


def config(dataset: str | None = None) -> ml_collections.ConfigDict:
  """The whole configuration on a data set, see `retrieval_settings.retrieval_config`."""
  return retrieval_config("seds", dataset, _change_sections, WITH_POSES)


def _change_sections(config):
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
      # Of the pictures that the poses come from, in pixels; (0, 0): as the data set states.
      "image_size": (0, 0),
      "bottom_margin": BOTTOM,  # px of a picture, where a wrist has its hand outside; 0: nowhere
      "hand_boxes": "exact",  # or "released": rounded to pixels and cut off at the edges
      "max_frames": 300,  # of a video, by striding
      "no_hands": "skip",  # videos that show no usable hand; or "stop"
  }
  config["init"] |= {"signbert": ""}  # file of SignBERT's pose encoder
  config["optim"]["groups"] = {  # rates of parameters by their paths, in place of lr
      "pose": {"paths": "^pose_encoder/", "lr": 1e-4},
      "fusion": {"paths": "^fuse/", "lr": 1e-4},
  }
  config["batch_size"] = 128
