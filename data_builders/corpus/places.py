"""Where the files of a corpus lie in a user's folder.

Either where this library's documentation puts them, or where they lie after the archives of CiCo
and UPRet (`CLCL/`) or of SEDS are unpacked. The first folder that is there counts. The features of
further encoders lie in `features`, each in a folder of its name.
"""

import pathlib

from data_builders.attachments import features
from sign_jax.data import streams

_FEATURES, _POSE = "features", "pose"
_CICO_TOPS = ("sign_features", "sign_feature")  # CiCo's text and its commands say one each
_SEDS_TOPS = ("", "datasets/")


def of(cico, seds, poses):
  """{kind of file: folders that may hold it, relative to the user's folder}.

  Args:
    cico: how CiCo's folders of sign features begin: "h2s", "ph" or "csl".
    seds: what SEDS calls the folder of the corpus.
    poses: folders of the poses in it, the innermost first.
  """
  return {
    "agnostic": (
      f"{_FEATURES}/agnostic",
      *(f"{top}/{cico}_domain_agnostic" for top in _CICO_TOPS),
      *(f"{top}{seds}/I3D_features" for top in _SEDS_TOPS),
    ),
    "aware": (f"{_FEATURES}/aware", *(f"{top}/{cico}_domain_aware" for top in _CICO_TOPS)),
    _POSE: ("pose", *(f"{top}{seds}/{folder}" for top in _SEDS_TOPS for folder in poses)),
  }


def first(root, folders, is_one=pathlib.Path.is_dir):
  """The first of some folders that is there, else the first; pathlib.Path.

  Args:
    root, folders: a folder, and folders relative to it.
    is_one: function of a path, whether it is such a folder.
  """
  paths = [pathlib.Path(root) / folder for folder in folders]
  return next((path for path in paths if is_one(path)), paths[0])


def find(root, places):
  """{kind of file: pathlib.Path of its folder}, for `places` as `of` gives them.

  The kinds are the feature streams, in the order of `streams.ordered`, and last the poses.
  """
  known = {kind: first(root, folders) for kind, folders in places.items()}
  poses = {_POSE: known.pop(_POSE)}
  folders = {**encoders(pathlib.Path(root) / _FEATURES), **known}
  return {name: folders[name] for name in streams.ordered(folders)} | poses


def encoders(folder, prefix=""):
  """{name of a stream: pathlib.Path} of the folders in one folder that hold an encoder's features.

  A folder whose name no stream can have is one of them if it holds files of features: whoever opens
  it says so. PHOENIX-2014T has its pictures there, which are none.

  Args:
    folder: pathlib.Path.
    prefix: what the folders' names begin with, before that of the stream.
  """
  inside = folder.iterdir() if folder.is_dir() else ()
  found = {
    path.name.removeprefix(prefix): path for path in inside
    if path.name.startswith(prefix) and not path.name.startswith(".") and path.is_dir()
  }  # fmt: skip
  return {
    name: found[name] for name in streams.ordered(found)
    if streams.is_name(name) or features.holds_any(found[name])
  }  # fmt: skip
