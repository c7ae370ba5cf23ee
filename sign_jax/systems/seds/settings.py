"""SEDS's settings; `configs/seds.py` says what they are for."""

import ml_collections
from ml_collections.config_dict import placeholder

from sign_jax.systems.retrieval_settings import retrieval_config

# Beside those of all retrieval systems. Sizes are those of the pictures that the poses were
# estimated on.
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
