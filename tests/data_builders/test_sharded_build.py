"""`--shard`: parts of a data set, built by several processes, read back like one build."""

import json
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest

from data_builders import build
from data_builders.signing_sim import corpus
from data_builders.writing import parts
from sign_jax.data import digest, feature_files, records, shards
from sign_jax.data.feature_files import FeatureFile
from sign_jax.errors import UserError
from tests import videos
from tests.data_builders import trees

_ROOT = pathlib.Path(__file__).parents[2]
_FOLDER = pathlib.Path("how2sign/features/1.0.0")
_KILLED = """
import os, signal, sys
from data_builders import build, corpus_builder
calls, example = [], corpus_builder.CorpusBuilder._example
def dying(*args):
  calls.append(0)
  if len(calls) == 6:  # one split is written by then
    os.kill(os.getpid(), signal.SIGKILL)
  return example(*args)
corpus_builder.CorpusBuilder._example = dying
build.main(sys.argv[1:])
"""
_KILLED_IN_JOIN = """
import os, signal, sys
from data_builders import build, parts
def die(*args):
  os.kill(os.getpid(), signal.SIGKILL)
def dying(path, count, records=parts._records):
  yield from records(path, count)
  die()
if sys.argv[1] == "reading":
  parts._records = dying
else:  # the records are written, and nothing beside them
  build.digest.write = die
build.main(sys.argv[2:])
"""


def arguments(root, data_dir, *more):
  return ["how2sign", f"--manual_dir={root}", f"--data_dir={data_dir}", "--on_error=skip", *more]


def start(*args):
  return subprocess.Popen([sys.executable, *args], cwd=_ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


def content(folder):
  """Everything that is in a built data set, file by file; the records as they are read."""
  folder = pathlib.Path(folder)
  files = {path.name: path.read_bytes() for path in folder.iterdir() if "record-" not in path.name}
  files[digest.FILE] = digest.read_note(folder)[0]  # chunks have other checksums, see `content`
  names = {path.name for path in folder.glob("*record-*")}
  found = {}
  for split in ("train", "validation", "test"):
    source = records.SplitSource(folder, split)
    found[split] = list(source.read(range(len(source)), list(source.feature_specs)))
  return files, names, found


def assert_same(folder, other):
  (files, names, found), (other_files, other_names, other_found) = content(folder), content(other)
  assert files == other_files and names == other_names
  for split, examples in found.items():
    assert len(examples) == len(other_found[split])
    for example, expected in zip(examples, other_found[split], strict=True):
      assert set(example) == set(expected)
      for field, value in expected.items():
        np.testing.assert_array_equal(example[field], value)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
  """A tree with one missing and one damaged file and a damaged annotation."""
  root = tmp_path_factory.mktemp("tree")
  names = trees.how2sign(root)
  rows = trees.how2sign_rows("validation")
  rows[3]["SENTENCE"] = ""
  trees.how2sign_pickle(root, "validation", rows)
  (root / "features/agnostic/test" / f"{names['test'][2]}.pkl").unlink()
  videos.truncate(root / "features/agnostic/train" / f"{names['train'][5]}.pkl", 0.5)
  return root


@pytest.fixture(scope="module")
def whole(tree, tmp_path_factory):
  """The data set of the tree, built in one piece."""
  data_dir = tmp_path_factory.mktemp("whole")
  build.prepare("how2sign", None, data_dir, tree, "skip")
  accounts = json.loads((data_dir / _FOLDER / "skipped.json").read_text())
  assert {split: len(account["skipped"]) for split, account in accounts.items()} == {
    "train": 1, "validation": 1, "test": 1,
  }  # fmt: skip
  return data_dir / _FOLDER


def test_three_processes_at_once(tree, whole, tmp_path):
  children = [
    start("-m", "data_builders.build", *arguments(tree, tmp_path, f"--shard={k}/3"))
    for k in (1, 2, 3)
  ]
  outputs = [child.communicate() for child in children]
  assert [child.returncode for child in children] == [0, 0, 0], outputs
  joined = [out for out, _ in outputs if f"built in {tmp_path / _FOLDER}" in out]
  assert joined and all("skipped 3 damaged videos (" in out for out in joined)
  assert_same(tmp_path / _FOLDER, whole)
  assert not list(tmp_path.rglob(".parts*")) and not list(tmp_path.rglob("*.partial"))


def test_a_killed_part_is_built_again(tree, whole, tmp_path):
  child = start("-c", _KILLED, *arguments(tree, tmp_path, "--shard=2/2"))
  assert child.communicate() and child.returncode == -signal.SIGKILL
  assert list(tmp_path.rglob(".2.*.partial"))  # what it had written does not count
  build.main(arguments(tree, tmp_path, "--shard=1/2"))
  assert not (tmp_path / _FOLDER).exists()
  build.main(arguments(tree, tmp_path, "--shard=2/2"))
  assert_same(tmp_path / _FOLDER, whole)


def test_parts_say_what_is_missing_and_are_not_built_twice(tree, tmp_path, capsys):
  build.main(arguments(tree, tmp_path, "--shard=3/3"))
  assert "part 3/3 is there, missing: 1, 2\n" in capsys.readouterr().out
  part = next(tmp_path.rglob("part.json"))
  before = part.stat().st_mtime_ns
  build.main(arguments(tree, tmp_path, "--shard=3/3"))
  assert part.stat().st_mtime_ns == before
  with pytest.raises(SystemExit):
    build.main(arguments(tree, tmp_path))
  assert "of which 1/3, 2/3 are missing" in capsys.readouterr().err


@pytest.mark.parametrize("when", ["reading", "written"])
@pytest.mark.parametrize("again", [[], ["--shard=1/2"]])
def test_a_killed_join_is_made_up_by_either_command(tree, whole, tmp_path, when, again):
  build.main(arguments(tree, tmp_path, "--shard=1/2"))
  child = start("-c", _KILLED_IN_JOIN, when, *arguments(tree, tmp_path, "--shard=2/2"))
  assert child.communicate() and child.returncode == -signal.SIGKILL
  assert list(tmp_path.rglob(".building_*")) and not (tmp_path / _FOLDER).exists()
  build.main(arguments(tree, tmp_path, *again))
  assert_same(tmp_path / _FOLDER, whole)
  assert not list(tmp_path.rglob(".parts*")) and not list(tmp_path.rglob(".building_*"))


def test_parts_of_other_files_do_not_count(tmp_path):
  root, data_dir = tmp_path / "tree", tmp_path / "data"
  names = trees.how2sign(root)
  build.main(arguments(root, data_dir, "--shard=1/2"))
  path = root / "features/agnostic/train" / f"{names['train'][0]}.pkl"
  trees.dump(path, {"feature": trees.feature("new", 30)})
  build.main(arguments(root, data_dir, "--shard=2/2"))
  assert not (data_dir / _FOLDER).exists()
  build.main(arguments(root, data_dir, "--shard=1/2"))
  source = records.SplitSource(data_dir / _FOLDER, "train")
  assert 30 in [len(example["agnostic"]) for example in source.read(range(8), ["agnostic"])]


def test_a_damaged_part_is_named(tree, tmp_path):
  build.main(arguments(tree, tmp_path, "--shard=1/2"))
  path = next(tmp_path.rglob("test.array_record"))
  videos.truncate(path, 0.5)
  with pytest.raises(UserError, match="test.array_record is damaged .*build this part again"):
    build.prepare_part((2, 2), "how2sign", None, tmp_path, tree, "skip")


def test_parts_with_skips_are_not_joined_where_damage_stops(tmp_path, capsys):
  root, data_dir = tmp_path / "tree", tmp_path / "data"
  names = trees.how2sign(root)
  videos.truncate(root / "features/agnostic/test" / f"{names['test'][2]}.pkl", 0.5)
  with pytest.raises(SystemExit):  # video 2 is in the first of two parts
    build.main([*arguments(root, data_dir)[:3], "--shard=1/2"])
  assert f"{names['test'][2]}.pkl is no complete" in capsys.readouterr().err
  assert not list(data_dir.rglob("*.partial"))
  build.main(arguments(root, data_dir, "--shard=1/2"))
  with pytest.raises(SystemExit):
    build.main([*arguments(root, data_dir)[:3], "--shard=2/2"])
  assert "leave out 1 damaged videos (first: " in capsys.readouterr().err
  build.main(arguments(root, data_dir))
  assert "test 7; " in capsys.readouterr().out


def test_more_parts_than_videos(tree, whole, tmp_path):
  for k in range(1, 11):
    build.main(arguments(tree, tmp_path, f"--shard={k}/10"))
  assert_same(tmp_path / _FOLDER, whole)


def test_a_folder_of_videos_is_built_in_parts_too(tmp_path):
  lines = [f"{split}{i}.mp4,Sentence {i},{split}" for split in ("train", "val", "test")
           for i in range(4)]  # fmt: skip
  (tmp_path / "captions.csv").write_text("\n".join(["video,sentence,split", *lines]))
  for line in lines:
    name = line.partition(",")[0]
    file = FeatureFile(trees.feature(name), 18, 25.0, 1, "random:0")
    feature_files.write(tmp_path / "features" / name.replace(".mp4", ".npz"), file)
  one, _ = build.prepare("video_folder", None, tmp_path / "one", tmp_path)
  for k in (2, 1):
    builder, missing = build.prepare_part((k, 2), "video_folder", None, tmp_path / "two", tmp_path)
    assert missing == ([1] if k == 2 else [])
  assert_same(builder.data_dir, one.data_dir)


def test_a_join_notes_the_files_that_the_parts_were_made_from(tmp_path, monkeypatch):
  trees.how2sign(tmp_path)
  what = ("how2sign", None, tmp_path / "data", tmp_path)
  joined, join = [], parts.join

  def change(*args):
    """A file changes after all parts were found to be up to date."""
    path = next((tmp_path / "features/agnostic/train").iterdir())
    path.write_bytes(path.read_bytes())
    joined.append(path)
    return join(*args)

  monkeypatch.setattr(parts, "join", change)
  build.prepare_part((1, 2), *what)
  builder, _ = build.prepare_part((2, 2), *what)
  assert joined and not build.is_complete(builder)


def test_the_simulator_is_built_in_parts_too(tmp_path):
  one, _ = build.prepare("signing_sim/tiny", None, tmp_path / "one")
  for k in (1, 2):
    builder, _ = build.prepare_part((k, 2), "signing_sim/tiny", None, tmp_path / "two")
  assert_same(builder.data_dir, one.data_dir)
  assert len(builder.as_data_source("test")) == len(corpus.videos(corpus.TINY)["test"])


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "-1/3", "1/3/3", "", "1/9999999"])
def test_what_is_no_part(text):
  with pytest.raises(UserError, match="is no part, write 1/3"):
    shards.parse(text)
