"""`python -m data_builders.build`: names, complete and killed builds, reading back."""

import dataclasses
import json
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_builders import build
from data_builders.signing_sim import corpus, signing_sim_dataset_builder
from data_builders.writing import schema
from sign_jax.data import records
from sign_jax.errors import UserError

_ROOT = pathlib.Path(__file__).parents[2]
_FOLDER = pathlib.Path("signing_sim/tiny/1.0.0")
_KILLED = """
import os, signal, sys
from data_builders import build
from data_builders.signing_sim import corpus
calls, example = [], corpus.example
def dying(*args, **settings):
  calls.append(0)
  if len(calls) == 45:  # train is written by then
    os.kill(os.getpid(), signal.SIGKILL)
  return example(*args, **settings)
corpus.example = dying
build.prepare("signing_sim/tiny", data_dir=sys.argv[1])
"""


def _run(*args):
  return subprocess.run([sys.executable, *args], cwd=_ROOT, capture_output=True, text=True,
                        check=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
  """The command line's result and the data folder."""
  folder = tmp_path_factory.mktemp("data")
  return _run("-m", "data_builders.build", "signing_sim/tiny", "--data_dir", str(folder)), folder


def test_the_command_says_where_how_many_and_how_large(tiny):
  result, folder = tiny
  assert result.returncode == 0, result.stderr
  assert str(folder / _FOLDER) in result.stdout and " MB" in result.stdout
  count = len(corpus.videos(corpus.TINY)["train"])
  assert f"train {count}," in result.stdout
  assert "100%" in result.stderr and "arning" not in result.stderr
  assert len(result.stdout.splitlines()) == 2


def test_a_report_shows_what_was_skipped_as_text(tmp_path):
  builder, _ = build.prepare("signing_sim/tiny", data_dir=tmp_path)
  account = {"built": 1, "annotated": "2\x1b[2J", "skipped": [{"video": "a", "reason": "b"}]}
  (pathlib.Path(builder.data_dir) / "skipped.json").write_text(json.dumps({"train": account}))
  report = build._report(builder, False)
  assert "train 1 of 2\\x1b[2J" in report and "\x1b" not in report


def test_a_complete_data_set_is_not_built_again(tiny, capsys):
  _, folder = tiny
  before = (folder / _FOLDER / "dataset_info.json").stat().st_mtime_ns
  build.main(["signing_sim", "--config", "tiny", "--data_dir", str(folder)])
  assert "already built" in capsys.readouterr().out
  assert (folder / _FOLDER / "dataset_info.json").stat().st_mtime_ns == before


def test_records_are_read_back_as_they_were_simulated(tiny):
  builder = tfds.builder_from_directory(str(tiny[1] / _FOLDER))
  assert sorted(builder.info.splits) == sorted(corpus.SPLITS)
  for split in corpus.SPLITS:
    records = {r["video_id"].decode(): r for r in builder.as_data_source(split=split)}
    videos = corpus.videos(corpus.TINY)[split]
    assert len(records) == len(videos)
    for video in videos:
      expected, record = corpus.example(video, corpus.TINY), records[video.video_id]
      assert set(record) == set(expected) == set(builder.info.features)
      for name, value in expected.items():
        got = record[name].decode() if isinstance(value, str) else record[name]
        np.testing.assert_array_equal(got, value, err_msg=name)


def test_the_description_says_simulator_and_the_metadata_lists_lookalikes(tiny):
  info = tfds.builder_from_directory(str(tiny[1] / _FOLDER)).info
  assert "simulator" in info.description and "not a sign language" in info.description
  assert len(info.metadata["lookalike_pairs"]) == 10
  assert info.metadata["unseen_signers"]["test"]


def test_a_killed_build_is_done_again(tmp_path):
  result = _run("-c", _KILLED, str(tmp_path))
  assert result.returncode == -signal.SIGKILL, result.stderr
  parent = tmp_path / _FOLDER.parent
  assert not (tmp_path / _FOLDER).exists() and list(parent.glob(".building_*"))
  builder, built = build.prepare("signing_sim/tiny", data_dir=str(tmp_path))
  assert built and build.is_complete(builder) and not list(parent.glob(".building_*"))
  assert len(builder.as_data_source(split="test")) == len(corpus.videos(corpus.TINY)["test"])


@pytest.mark.parametrize("lost", ["dataset_info.json", "*test.array_record*"])
def test_a_data_set_with_a_missing_file_is_built_again(tmp_path, lost):
  builder, _ = build.prepare("signing_sim/tiny", data_dir=str(tmp_path))
  next((tmp_path / _FOLDER).glob(lost)).unlink()
  assert not build.is_complete(builder)
  again, built = build.prepare("signing_sim/tiny", data_dir=str(tmp_path))
  assert built and build.is_complete(again)


@pytest.mark.parametrize(("args", "hint"), [
  (["signingsim"], "did you mean 'signing_sim'"),
  (["signing_sim/smal"], "did you mean 'small'"),
  (["signing_sim", "--config", "huge"], "tiny, small, medium"),
])
def test_unknown_names_end_with_one_sentence(args, hint, capsys):
  with pytest.raises(SystemExit) as stop:
    build.main(args)
  error = capsys.readouterr().err
  assert stop.value.code == 1 and hint in error and error.count("\n") == 1


def test_a_build_in_parts_is_refused_with_one_sentence(tmp_path, capsys):
  with pytest.raises(SystemExit) as stop:
    build.main(["signing_sim/tiny", "--data_dir", str(tmp_path), "--shard", "1/3"])
  told = capsys.readouterr().err
  assert stop.value.code == 1 and told.endswith("leave out --shard\n") and told.count("\n") == 1
  assert not list(tmp_path.iterdir())


def test_data_dir_defaults_to_the_environment(monkeypatch, tmp_path):
  monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
  assert build.load_builder("signing_sim/tiny").data_dir.startswith(str(tmp_path))
  monkeypatch.delenv("TFDS_DATA_DIR")
  monkeypatch.setenv("HOME", str(tmp_path / "home"))
  folder = str(tmp_path / "home" / "tensorflow_datasets")
  assert build.load_builder("signing_sim/tiny").data_dir.startswith(folder)


def test_small_is_the_default_and_takes_under_150_mb(tmp_path):
  assert build.load_builder("signing_sim", data_dir=tmp_path).builder_config.name == "small"
  part = signing_sim_dataset_builder.SigningSimConfig(
    name="part", settings=dataclasses.replace(corpus.SMALL, sentences=(40, 10, 10)))
  builder = signing_sim_dataset_builder.Builder(data_dir=tmp_path, config=part)
  builder.download_and_prepare()
  size = sum(path.stat().st_size for path in pathlib.Path(builder.data_dir).iterdir())
  videos, all_videos = (sum(len(corpus.videos(s)[split]) for split in corpus.SPLITS)
                        for s in (part.settings, corpus.SMALL))
  assert size / videos * all_videos < 150e6


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", "no JSON", "half"])
@pytest.mark.parametrize("name", ["dataset_info.json", "features.json", "source.txt"])
def test_a_damaged_description_is_built_again(tmp_path, tiny, name, content, monkeypatch):
  shutil.copytree(tiny[1], tmp_path / "copy")
  path = tmp_path / "copy" / _FOLDER / name
  whole = path.read_bytes()
  path.write_bytes(whole[:len(whole) // 2] + b"\xff" if content == "half" else content.encode())
  is_damaged = path.read_bytes() != whole  # an empty source.txt is what it should be
  if content != "half":  # building takes long, and is the same whatever it mends
    monkeypatch.setattr(build, "_build_anew", lambda *_: anew.append(0))
  anew = []
  builder, built = build.prepare("signing_sim/tiny", data_dir=str(tmp_path / "copy"))
  assert built == is_damaged
  if content == "half":
    assert build.is_complete(builder) and path.read_bytes() == whole
  else:
    assert bool(anew) == is_damaged


def test_every_data_set_goes_where_its_builder_says(tmp_path):
  for name in ("signing_sim", "signing_sim/tiny"):
    builder = build.load_builder(name, data_dir=tmp_path)
    assert str(build._folder(name, None, tmp_path)) == builder.data_dir


def test_the_build_notes_the_digest_of_equal_records(tmp_path, tiny):
  build.prepare("signing_sim/tiny", data_dir=tmp_path)
  fingerprints = {records.fingerprint("signing_sim/tiny", folder) for folder in (tmp_path, tiny[1])}
  assert len(fingerprints) == 1
  (tmp_path / _FOLDER / "records.sha256").unlink()  # as builds were before it was noted
  assert build.prepare("signing_sim/tiny", data_dir=tmp_path)[1] is False
  assert records.fingerprint("signing_sim/tiny", tmp_path) in fingerprints
  (tmp_path / _FOLDER / "records.sha256").write_text("damaged")
  assert records.fingerprint("signing_sim/tiny", tmp_path) in fingerprints
  (tmp_path / _FOLDER / "records.sha256").write_text("0" * 64)  # as of other records
  assert records.fingerprint("signing_sim/tiny", tmp_path) in fingerprints


def test_a_users_mistake_inside_a_builder_stays_a_user_error(tmp_path, monkeypatch):
  def mistake(*_, **__):
    raise UserError("do this instead")
  monkeypatch.setattr(corpus, "example", mistake)
  with pytest.raises(UserError, match="^do this instead$"):
    build.prepare("signing_sim/tiny", data_dir=str(tmp_path))


def test_retrieval_features_have_the_shared_names():
  features = schema.retrieval_features({"agnostic": 8}, extra=tfds.features.Text())
  assert set(features) == {"video_id", "sentence_id", "text", "signer", "num_frames", "fps",
                           "agnostic", "extra"}
  assert features["agnostic"].shape == (None, 8) and features["agnostic"].np_dtype == np.float16
