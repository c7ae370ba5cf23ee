"""TFDS builder of `nmfs_csl`.

  python -m data_builders.build nmfs_csl --manual_dir DIR
"""

import tensorflow_datasets as tfds

from data_builders.isolated import builder as isolated_builder
from data_builders.nmfs_csl import annotations


class Builder(isolated_builder.IsolatedBuilder):
  """Reads the corpus as its owner and others release it."""

  VERSION = tfds.core.Version("1.0.0")
  RELEASE_NOTES = {"1.0.0": "First version."}
  ANNOTATIONS = annotations
  BUILDER_CONFIGS = isolated_builder.configs(annotations.PROTOCOLS)
  DEFAULT_BUILDER_CONFIG_NAME = annotations.PROTOCOLS[0]
  HOMEPAGE = "https://ustc-slr.github.io/datasets/2020_nmfs_csl/"
  DESCRIPTION = """
  NMFs-CSL: isolated signs of Chinese Sign Language, many of which differ in face and body alone.
  Its owner gives it for research to those who sign an agreement. Classes have numbers and no names.
  """
  CITATION = """
  @inproceedings{hu2021global,
    title = {Global-Local Enhancement Network for {NMF}-Aware Sign Language Recognition},
    author = {Hu, Hezhen and Zhou, Wengang and Pu, Junfu and Li, Houqiang},
    journal = {ACM TOMM},
    year = {2021},
  }
  """
  MANUAL_DOWNLOAD_INSTRUCTIONS = """
  The folder given as --manual_dir holds
  - train.txt and test.txt with the folder of a clip's pictures and its label in each line, or
    nla_slr/{train,test}.pkl, NLA-SLR's lists; without a list of validation (dev.txt), a tenth of
    train is held out;
  - frames/FOLDER/image_00001.jpg ... (or jpg_video/FOLDER); what is missing is left out and
    counted;
  - for the config with keypoints: a pickle of all clips (keypoints.pkl, as NLA-SLR releases it), or
    pose/FOLDER.pkl, .pose, or a folder of OpenPose's JSON.
  """
