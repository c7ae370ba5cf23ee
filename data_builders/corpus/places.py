"""Where the files of a corpus lie in a user's folder.

Either where this library's documentation puts them, or where they lie after the archives of CiCo
and UPRet (`CLCL/`) or of SEDS are unpacked. The first folder that is there counts.
"""

import pathlib

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
      "features/agnostic",
      *(f"{top}/{cico}_domain_agnostic" for top in _CICO_TOPS),
      *(f"{top}{seds}/I3D_features" for top in _SEDS_TOPS),
    ),
    "aware": ("features/aware", *(f"{top}/{cico}_domain_aware" for top in _CICO_TOPS)),
    "pose": ("pose", *(f"{top}{seds}/{folder}" for top in _SEDS_TOPS for folder in poses)),
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
  """{kind of file: pathlib.Path of its folder}, for `places` as `of` gives them."""
  return {kind: first(root, folders) for kind, folders in places.items()}
