"""SPOT-ALIGN's settings; `configs/spot_align.py` says what they are for."""

from collections.abc import Mapping
from typing import Any

import ml_collections
from ml_collections.config_dict import placeholder

from sign_jax.errors import UserError, did_you_mean, shown
from sign_jax.systems.retrieval_settings import retrieval_config

EMBEDDINGS = ("file", "corpus", "hash", "learned")
MEASURES = ("sr.source", "sr.threshold", "sr.lemmatize")
ONLY_OF_PROGRAM = ("spotting.", "data.alignment")  # of launch.spot_align
FREE_KEYS = (
    "model.text.file", "sr.recognized", "sr.classes", "sr.translations", "spotting.shared",
)
SYSTEMS = ("sr", "cm", "comb")  # recognised signs, embeddings, the mean of both similarities
# Of settings outside of the model.
CHOICES = {
    "spotting.encoder": ("features", "i3d"), "spotting.vocabulary": ("full", "mouthing"),
    "spotting.similarity": ("cosine", "unit"),
    "spotting.forms": ("both", "original", "lemma"), "sr.source": ("recognition", "translation"),
    "data.alignment": ("signing", "speech"),
}

# From the released code, in the settings nearest to the paper's, which does not say them.
OPTIM = {
    "name": "radam", "lr": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "weight_decay": 1e-5,
    "schedule": "exponential", "gamma": 0.95, "warmup": 0.0,  # times gamma after each epoch
    "precision": "float32",
}
_AS_PUBLISHED = {"optim.lr": 1e-3, "optim.precision": "float32", "batch_size": 128, "epochs": 40}
# Beside those of all retrieval systems.
OVERRIDES = {
    "signing_sim": {
        "optim.lr": 4e-3, "steps": 300, "eval_every": 50, "data.video_length": 64,
        "model.embed_dim": 128, "model.text.clusters": 8, "model.text.embedding": "hash",
        "model.text.width": 64,
    },
    # A validation for each epoch.
    "how2sign": {**_AS_PUBLISHED, "eval_every": 243},
    "phoenix14t": {  # the German sentences
        **_AS_PUBLISHED, "eval_every": 56, "data.caption": "sentence", "model.text.language": "de",
    },
    "csl_daily": {**_AS_PUBLISHED, "eval_every": 144},
}
DATASETS = tuple(OVERRIDES)


def config(dataset: str | None = None) -> ml_collections.ConfigDict:
  """The whole configuration for a data set, one of DATASETS; None is signing_sim.

  Raises:
    UserError: on another data set.
  """
  return retrieval_config("spot_align", dataset, _change_sections, OVERRIDES)


def check(values: Mapping[str, Any]) -> None:
  """Raises UserError where a value of CHOICES is none of them.

  Args:
    values: {dotted name: value}, the whole configuration.
  """
  for key, choices in CHOICES.items():
    if values[key] not in choices:
      raise UserError(
          f"{key}={shown(values[key])} is not one of {', '.join(choices)}"
          + did_you_mean(str(values[key])[:80], choices)
      )


def warning(given: ml_collections.ConfigDict) -> str | None:
  """A sentence where a configuration has settings that training alone does not heed, or None.

  Args:
    given: the whole configuration.
  """
  default = config()
  is_other = given.data.alignment != default.data.alignment
  if not is_other and given.spotting.to_dict() == default.spotting.to_dict():
    return None
  return (
      "settings of spotting, and data.alignment, change nothing here: they are for "
      "python -m launch.spot_align, which trains the features' encoder"
  )


def _change_sections(config):
  config["model"] = {
      "name": "spot_align",
      "variant": "released",  # or "paper"; it decides every switch that is left None
      "dtype": "auto",  # of matrix products: bfloat16 on accelerators and float32 on CPUs
      "embed_dim": 512,
      "margin": 0.2,  # of the ranking loss
      "loss": placeholder(str),  # "mean", "batch" (eq. 1) or "diagonal", see ops/ranking.py
      "video": {
          "aggregation": "mean",  # of a video's windows, or "max" (table 2)
          "projection": placeholder(str),  # "geu", "reduce_geu" or "linear"
      },
      "text": {
          "clusters": 20,  # of NetVLAD
          "ghost_clusters": 1,  # of it, that words may be assigned to and that are left out
          "mask_padding": placeholder(bool),  # keeps padding out of NetVLAD
          "embedding": "file",  # of words (table 3), or "corpus", "hash", "learned"
          "file": "",  # word vectors, or those of each sentence
          "width": 300,  # of vectors that come from no file
          # Where a word has no vector, its lemma's counts: "simplemma", "none", or a CSV file with
          # the columns word and lemma.
          "lemmas": "simplemma",
          "language": "en",  # of simplemma's lemmas
      },
  }
  config["data"] |= {
      "combine": "agnostic", "video_length": 512, "text_length": 30, "sample": "pair",
      "alignment": "signing",  # times of sentences, or "speech" (table 5)
  }
  config |= {
      "spotting": {  # of signs for words, from which the features' encoder is trained
          "iterations": 3,  # rounds of spotting; 0 leaves mouthings alone (table 1)
          "vocabulary": "full",  # or "mouthing": words of mouthings alone (table 1)
          "threshold": 0.75,  # a window must be more like an exemplar
          "similarity": "cosine",  # or "unit": (1 + cosine) / 2
          "forms": "both",  # of a subtitle's words: as written and lemmas, or "original", "lemma"
          "keep_mouthing": True,  # trains every round on mouthings too
          "pad": 0.0,  # seconds around a subtitle that are searched too
          # Of launch.spot_align: what the encoder reads, "features" of another one or (i3d) videos,
          # and how it is trained in each round, where a batch is no larger than all labels. What is
          # None is for the encoder to say, see launch/spotting/sizes.py.
          "encoder": "features", "dim": 256,  # columns of the features
          "size": placeholder(int), "stride": placeholder(int),  # of an I3D's frames and windows
          "steps": placeholder(int), "batch_size": placeholder(int),
          # That each round begins with: a file, or a run of the encoder; "" is random numbers.
          "weights": "",
          "shared": "",  # folder in which several --workdir find each other's results
          # A corpus of one's own; the simulator's, of this size, where captions is "".
          "archive": placeholder(str),
          "captions": "",  # table of clips
          "media": "",  # folder of feature files or videos
          "mouthings": "",  # table video,word,time,confidence
          "lexicons": "",  # folders with a lexicon.csv, with commas between them
          "truth": "",  # table video,start,end,word of all signs, to judge by
          "lemmas": "simplemma",  # or a table word,lemma
      },
      "sr": {  # retrieval by recognised signs
          "source": "recognition",  # or "translation": the words of a table (table 7)
          "threshold": 0.5,  # least probability of a recognised sign (table 4)
          "recognized": "",  # folder of sign_jax.extract --recognized
          "classes": "",  # file of the names of its classes, one a line
          "translations": "",  # table video,translation
          "lemmatize": True,  # by model.text.lemmas
      },
  }
  # Or "sr", or "comb" of both (tables 1, 6 and 7).
  config["fusion"] = {"systems": "cm", **config["fusion"]}
  config["protocol"] = "pair"
  config["optim"] = dict(OPTIM)
