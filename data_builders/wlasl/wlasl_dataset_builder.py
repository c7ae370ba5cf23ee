"""TFDS builder of `wlasl`.

  python -m data_builders.build wlasl/100 --manual_dir DIR
"""

import tensorflow_datasets as tfds

from data_builders.isolated import builder as isolated_builder
from data_builders.wlasl import annotations


class Builder(isolated_builder.IsolatedBuilder):
  """Reads the corpus as its owner and others release it."""

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First version."}
  ANNOTATIONS = annotations
  BUILDER_CONFIGS = isolated_builder.configs(annotations.PROTOCOLS)
  DEFAULT_BUILDER_CONFIG_NAME = annotations.PROTOCOLS[0]
  HOMEPAGE = "https://dxli94.github.io/WLASL/"
  DESCRIPTION = """
  WLASL: isolated signs of American Sign Language from videos of the web, for academic use under
  C-UDA. A subset of N glosses has the N with most videos.
  """
  CITATION = """
  @inproceedings{li2020word,
    title = {Word-level Deep Sign Language Recognition from Video: A New Large-scale Dataset and
      Methods Comparison},
    author = {Li, Dongxu and Rodriguez, Cristian and Yu, Xin and Li, Hongdong},
    booktitle = {WACV},
    year = {2020},
  }
  """
  MANUAL_DOWNLOAD_INSTRUCTIONS = """
  The folder given as --manual_dir holds
  - nslt_{100,300,1000,2000}.json (one is enough, a larger one holds the smaller ones) and
    wlasl_class_list.txt, or WLASL_v0.3.json, or nla_slr/{train,dev,test}.pkl, NLA-SLR's lists;
  - videos/VIDEO_ID.mp4: the clips that the owner's script cuts, or whole videos; videos that are
    missing are left out and counted;
  - for the configs with keypoints: a pickle of all clips (keypoints.pkl, as NLA-SLR releases it),
    or pose/VIDEO_ID.pkl, .pose, or a folder of OpenPose's JSON.
  """
