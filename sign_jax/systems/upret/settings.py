"""UPRet's settings; `configs/upret.py` says what they are for."""

import ml_collections
from ml_collections.config_dict import placeholder

from sign_jax.systems.retrieval_settings import retrieval_config


def config(dataset: str | None = None) -> ml_collections.ConfigDict:
  """The whole configuration on a data set, see `retrieval_settings.retrieval_config`."""
  return retrieval_config("upret", dataset, _add_sections)


def _add_sections(config):
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
