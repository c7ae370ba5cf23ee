"""TFDS builder of `msasl`.

  python -m data_builders.build msasl/100 --manual_dir DIR
"""

import tensorflow_datasets as tfds

from data_builders.isolated import builder as isolated_builder
from data_builders.msasl import annotations


class Builder(isolated_builder.IsolatedBuilder):
  """Reads the corpus as its owner and others release it."""

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First version."}
  ANNOTATIONS = annotations
  BUILDER_CONFIGS = isolated_builder.configs(annotations.PROTOCOLS)
  DEFAULT_BUILDER_CONFIG_NAME = annotations.PROTOCOLS[0]
  HOMEPAGE = "https://www.microsoft.com/en-us/research/project/ms-asl/"
  DESCRIPTION = """
  MS-ASL: isolated signs of American Sign Language in videos of YouTube, annotated with times and
  persons' boxes; see the terms (C-UDA) on its site. A subset of N classes has the N with most
  videos. Clips are called by their split and place in the released list, from 0: test_00012.
  """
  CITATION = """
  @inproceedings{joze2019msasl,
    title = {{MS-ASL}: A Large-Scale Data Set and Benchmark for Understanding American Sign
      Language},
    author = {Vaezi Joze, Hamid and Koller, Oscar},
    booktitle = {BMVC},
    year = {2019},
  }
  """
  MANUAL_DOWNLOAD_INSTRUCTIONS = """
  The folder given as --manual_dir holds
  - MSASL_{train,val,test}.json and MSASL_classes.json; MSASL_synonym.json is read if it is there;
  - videos/YOUTUBE_ID.mp4, whole videos as they are downloaded (.mkv and .webm are read too), or
    clips/{train,val,test}_00012.mp4, each with one clip alone, which go before; videos that are
    missing are left out and counted;
  - for the configs with keypoints: a pickle of all clips (keypoints.pkl), or pose/test_00012.pkl,
    .pose, or a folder of OpenPose's JSON.
  """
