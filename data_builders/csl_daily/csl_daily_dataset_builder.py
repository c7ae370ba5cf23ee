"""TFDS builder of `csl_daily`.

  python -m data_builders.build csl_daily --manual_dir DIR
"""

import tensorflow_datasets as tfds

from data_builders.corpus import builder as corpus_builder
from data_builders.csl_daily import annotations


class Builder(corpus_builder.CorpusBuilder):
  """Reads the corpus as its owner and others release it."""

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First version."}
  ANNOTATIONS = annotations
  BUILDER_CONFIGS = corpus_builder.configs(annotations.PROTOCOLS, with_glosses=True)
  HOMEPAGE = "http://home.ustc.edu.cn/~zhouh156/dataset/csl-daily/"
  DESCRIPTION = """
  CSL-Daily: everyday sentences in Chinese Sign Language, with Chinese sentences and glosses. Its
  owner gives it for academic research to those who sign an agreement. The examples of one
  sentence_id are videos of the same sentence, by different signers. Protocols: cico (text is
  CiCo's machine translation into English), official (text is Chinese).
  """
  CITATION = """
  @inproceedings{zhou2021improving,
    title = {Improving Sign Language Translation with Monolingual Data by Sign Back-Translation},
    author = {Zhou, Hao and Zhou, Wengang and Qi, Weizhen and Pu, Junfu and Li, Houqiang},
    booktitle = {CVPR},
    year = {2021},
  }
  """
  MANUAL_DOWNLOAD_INSTRUCTIONS = """
  The folder given as --manual_dir is the release's, with
  - sentence_label/csl2020ct_v2.pkl and sentence_label/split_1.txt; the protocol official needs
    them, the other takes glosses from the first; sentence_label/video_map.txt is read for numbers
    of frames where it is there;
  - for the protocol cico: cico/{train,test}.pkl (or data_csl/, as in CiCo's repository), the
    CSL-Daily annotations that CiCo and UPRet release; without a dev.pkl beside them, a validation
    split is held out of train;
  - sentence/frames_512x512/NAME/*.jpg (or sentence_frames-512x512/frames_512x512/NAME/*.jpg), to
    extract features or for the configs video and continuous;
  - features/agnostic/ and, with a second encoder, features/aware/ (or where the authors' archives
    have them, see docs/data.md): [train|dev|test]/NAME.pkl as CiCo releases them, NAME.npz of
    `python -m sign_jax.extract`, or NAME.npy;
  - features/ENCODER/, the same from any other encoder, whose feature stream is called ENCODER;
  - pose/: [train|dev|test]/NAME.pkl of RTMPose, NAME.pose, or a folder NAME of OpenPose's JSON;
  - for the config continuous, if you have optical flow: flow/, of
    `python -m data_builders.flow --videos DIR --out DIR/flow`.
  """
