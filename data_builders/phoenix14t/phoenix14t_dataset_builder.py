"""TFDS builder of `phoenix14t`.

  python -m data_builders.build phoenix14t --manual_dir DIR
"""

import tensorflow_datasets as tfds

from data_builders.corpus import builder as corpus_builder
from data_builders.phoenix14t import annotations


class Builder(corpus_builder.CorpusBuilder):
  """Reads the corpus as its owner and others release it."""

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First version."}
  ANNOTATIONS = annotations
  BUILDER_CONFIGS = corpus_builder.configs(annotations.PROTOCOLS, with_glosses=True)
  HOMEPAGE = "https://www-i6.informatik.rwth-aachen.de/~koller/RWTH-PHOENIX-2014-T/"
  DESCRIPTION = """
  RWTH-PHOENIX-Weather 2014 T: German weather forecasts interpreted into German Sign Language, with
  German sentences and glosses. For research, not for commercial use; see the terms on its site.
  Each video has a sentence_id of its own, also where sentences repeat. Protocols: cico (text is
  CiCo's machine translation into English), official (text is German).
  """
  CITATION = """
  @inproceedings{camgoz2018neural,
    title = {Neural Sign Language Translation},
    author = {Camgoz, Necati Cihan and Hadfield, Simon and Koller, Oscar and Ney, Hermann and
      Bowden, Richard},
    booktitle = {CVPR},
    year = {2018},
  }
  """
  MANUAL_DOWNLOAD_INSTRUCTIONS = """
  The folder given as --manual_dir is PHOENIX-2014-T of the release v3, with
  - annotations/manual/PHOENIX-2014-T.{train,dev,test}.corpus.csv; the protocol official needs them,
    the other takes glosses and signers from them;
  - for the protocol cico: cico/{train,dev,test}.pkl (or data_ph/, as in CiCo's repository), the
    PHOENIX annotations that CiCo and UPRet release;
  - features/fullFrame-210x260px/{train,dev,test}/NAME/*.png, to extract features or for the configs
    video and continuous;
  - features/agnostic/ and, with a second encoder, features/aware/ (or where the authors' archives
    have them, see docs/data.md): [train|dev|test]/NAME.pkl as CiCo releases them, NAME.npz of
    `python -m sign_jax.extract`, or NAME.npy;
  - features/ENCODER/, the same from any other encoder, whose feature stream is called ENCODER;
  - pose/: [train|dev|test]/NAME.pkl of RTMPose, NAME.pose, or a folder NAME of OpenPose's JSON;
  - for the config continuous, if you have optical flow: flow/, of
    `python -m data_builders.flow --videos DIR --out DIR/flow`.
  """
