"""TFDS builder of `phoenix14`.

  python -m data_builders.build phoenix14 --manual_dir DIR
"""

import tensorflow_datasets as tfds

from data_builders.corpus import builder as corpus_builder
from data_builders.phoenix14 import annotations


class Builder(corpus_builder.CorpusBuilder):
  """Reads the corpus as its owner releases it."""

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First version."}
  ANNOTATIONS = annotations
  BUILDER_CONFIGS = corpus_builder.configs(annotations.PROTOCOLS, with_glosses=True)
  DEFAULT_BUILDER_CONFIG_NAME = "continuous"
  HOMEPAGE = "https://www-i6.informatik.rwth-aachen.de/~koller/RWTH-PHOENIX/"
  DESCRIPTION = """
  RWTH-PHOENIX-Weather 2014, multisigner: German weather forecasts interpreted into German Sign
  Language, with glosses, for continuous recognition. For research, not for commercial use; see the
  terms on its site. It has no sentences: text and sentence hold the glosses.
  """
  CITATION = """
  @article{koller2015continuous,
    title = {Continuous Sign Language Recognition: Towards Large Vocabulary Statistical Recognition
      Systems Handling Multiple Signers},
    author = {Koller, Oscar and Forster, Jens and Ney, Hermann},
    journal = {Computer Vision and Image Understanding},
    volume = {141},
    pages = {108--125},
    year = {2015},
  }
  """
  MANUAL_DOWNLOAD_INSTRUCTIONS = """
  The folder given as --manual_dir is phoenix-2014-multisigner of the release, with
  - annotations/manual/{train,dev,test}.corpus.csv;
  - features/fullFrame-210x260px/{train,dev,test}/NAME/1/*.png;
  - pose/, if you have keypoints: [train|dev|test]/NAME.pkl of RTMPose, NAME.pose, or a folder NAME
    of OpenPose's JSON;
  - flow/, if you have optical flow, of `python -m data_builders.flow --videos DIR --out DIR/flow`
    or ready pictures: flow/features/fullFrame-210x260px/{train,dev,test}/NAME/1/*.png;
  - for the configs features and features_pose, features/ENCODER/[train|dev|test]/NAME.npz of
    `python -m sign_jax.extract`.
  """
