"""Damages to trees of corpora, and the check that both policies treat them as they promise."""

import os
import pickle
import shutil
import tempfile

import pytest

from data_builders import build
from data_builders.writing.skipped import read_skipped
from sign_jax.errors import UserError
from tests import videos

FOOTPRINT = os.path.join(tempfile.gettempdir(), "sign_jax_hostile_pickle_was_run")
BAD = "-tesId_x-5-rgb_front_clip1"  # the first video of test
BAD_FILE = f"features/agnostic/test/{BAD}.pkl"
BAD_POSE = f"pose/test/{BAD}.pkl"


def check(pristine, tmp_path, corpus, config, damage, words, lost=1, split="test"):
  """Damages a copy of a tree: "stop" says so, and "skip" accounts for every annotated video.

  Args:
    pristine: folder of the undamaged trees.
    tmp_path: folder for the copy.
    corpus, config: what is built.
    damage: function of the copy's folder.
    words: regular expression in what "stop" says.
    lost: number of videos that "skip" leaves out.
    split: where these are.

  Returns:
    [reason] of what was left out.
  """
  root = tmp_path / corpus
  shutil.copytree(pristine / corpus, root)
  damage(root)
  with pytest.raises(UserError, match=words) as error:
    build.prepare(corpus, config, tmp_path / "stop", root)
  assert "\n" not in str(error.value) and len(str(error.value)) < 1000
  builder, _ = build.prepare(corpus, config, tmp_path / "skip", root, "skip")
  accounts = read_skipped(builder.data_dir)
  for name, account in accounts.items():
    info = builder.info.splits.get(name)
    built = info.num_examples if info else 0
    assert account["annotated"] == built + len(account["skipped"]) and built == account["built"]
  skipped = accounts[split]["skipped"]
  assert len(skipped) == lost == sum(len(account["skipped"]) for account in accounts.values())
  whole = {example["video_id"].decode() for example in builder.as_data_source("test")}
  assert not whole & {entry["video"] for entry in skipped if "second time" not in entry["reason"]}
  return [entry["reason"] for entry in skipped]


class Hostile:
  """Runs a command when it is unpickled the usual way."""

  def __reduce__(self):
    return os.system, (f"touch {FOOTPRINT}",)


def put(name, content):
  """A damage: a file with other content."""

  def damage(root):
    data = content if isinstance(content, bytes) else pickle.dumps(content)
    (root / name).write_bytes(data)

  return damage


def cut(name, share=0.6):
  return lambda root: videos.truncate(root / name, share)
