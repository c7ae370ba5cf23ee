"""TFDS builder of `how2sign`.

  python -m data_builders.build how2sign --manual_dir DIR
"""

import tensorflow_datasets as tfds

from data_builders.corpus import builder as corpus_builder
from data_builders.how2sign import annotations


class Builder(corpus_builder.CorpusBuilder):
  """Reads the corpus as its owner and others release it."""

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First version."}
  ANNOTATIONS = annotations
  BUILDER_CONFIGS = corpus_builder.configs(annotations.PROTOCOLS)
  HOMEPAGE = "https://how2sign.github.io"
  DESCRIPTION = """
  How2Sign: instructional videos interpreted into American Sign Language, with English sentences.
  For research only, under CC BY-NC 4.0; see the terms on its site. The examples of one sentence_id
  are videos of the same sentence, by different signers. Protocols: cico (CiCo's and UPRet's lists),
  seds (SEDS's lists), csv (every row of the re-aligned tables).
  """
  CITATION = """
  @inproceedings{duarte2021how2sign,
    title = {{How2Sign}: A Large-scale Multimodal Dataset for Continuous American Sign Language},
    author = {Duarte, Amanda and Palaskar, Shruti and Ventura, Lucas and Ghadiyaram, Deepti and
      DeHaan, Kenneth and Metze, Florian and Torres, Jordi and Giro-i-Nieto, Xavier},
    booktitle = {CVPR},
    year = {2021},
  }
  """
  MANUAL_DOWNLOAD_INSTRUCTIONS = """
  The folder given as --manual_dir holds
  - for the protocol cico: cico/{train,test}.pkl (or data_h2/, as in CiCo's repository), the
    How2Sign annotations that CiCo and UPRet release; for seds: seds/{train,test}.pkl (or data_h2/),
    those of SEDS. Without a dev.pkl beside them, a validation split is held out of train;
  - how2sign_realigned_{train,val,test}.csv from https://how2sign.github.io ("English translation
    (manually re-aligned)"), here or where the site's download script puts them; the protocol csv
    needs them, the others take times and further names from them;
  - cico/bounding_box_coco_{train,test}.pkl, the boxes of persons that CiCo releases, for
    `list_clips --boxes`;
  - raw_videos/VIDEO_NAME.mp4, the frontal raw videos, to extract features or for the config video
    (video_level/{train,val,test}/rgb_front/raw_videos/ as the download script makes it is read
    too). The clips on the site are cut at other, speech-aligned times;
  - features/agnostic/ and, with a second encoder, features/aware/ (or where the authors' archives
    have them, see docs/data.md): [train|dev|test]/NAME.pkl as CiCo and SEDS release them, NAME.npz
    of `python -m sign_jax.extract`, or NAME.npy;
  - features/ENCODER/, the same from any other encoder, whose feature stream is called ENCODER;
  - pose/: [train|dev|test]/NAME.pkl of RTMPose, NAME.pose, or a folder NAME of OpenPose's JSON.
  NAME is VIDEO_NAME_clip0, VIDEO_NAME_clip1, ... (CiCo) or SENTENCE_NAME (SEDS, tables).
  """
