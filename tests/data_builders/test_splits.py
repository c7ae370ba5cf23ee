"""Some splits of a data set alone, another dtype, and what replaces what."""

import pathlib

import numpy as np
import pytest

from data_builders import build, check
from data_builders.corpus import corpora
from data_builders.corpus.findings import Findings
from sign_jax.data import records
from sign_jax.data.source import RetrievalSplit
from sign_jax.errors import UserError
from sign_jax.untrusted import safe_pickle
from tests import program
from tests.data_builders import trees

CORPORA = ("how2sign", "phoenix14t", "csl_daily")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
  """{corpus: its tree}; not to be written to."""
  folder = tmp_path_factory.mktemp("trees")
  for corpus in CORPORA:
    getattr(trees, corpus)(folder / corpus)
  return folder


def watched(monkeypatch):
  """The paths of pickles that are read from now on."""
  opened, read = [], safe_pickle.read

  def reading(path, **kwargs):
    opened.append(path)
    return read(path, **kwargs)

  monkeypatch.setattr(safe_pickle, "read", reading)
  return opened


@pytest.mark.parametrize("corpus", CORPORA)
def test_only_the_files_of_the_splits_are_read(corpus, root, monkeypatch):
  whole = corpora.read(corpus, root / corpus)
  for split in ("train", "test"):
    opened, findings = watched(monkeypatch), Findings()
    assert corpora.read(corpus, root / corpus, None, findings, (split,)) == {split: whole[split]}
    assert [path.stem for path in opened if path.parent.name == "cico"] == [split]
    assert findings.entries == {split: len(whole[split])}
    monkeypatch.undo()


@pytest.mark.parametrize(("corpus", "protocol"), [
  ("how2sign", "csv"), ("how2sign", "seds"), ("phoenix14t", "official"), ("csl_daily", "official"),
  ("phoenix14t", "cico"),
])  # fmt: skip
def test_other_protocols_have_the_same_splits_alone(corpus, protocol, root):
  whole = corpora.read(corpus, root / corpus, protocol)
  for split in whole:
    alone = corpora.read(corpus, root / corpus, protocol, None, (split,))
    assert alone == {split: whole[split]}


def test_one_split_is_built_replaced_and_kept(root, tmp_path, capsys):
  args = ["phoenix14t", "--manual_dir", str(root / "phoenix14t"), "--data_dir", str(tmp_path)]
  name = ("phoenix14t", str(tmp_path))
  build.main([*args, "--splits", "test"])
  assert records.split_names(*name) == ["test"]
  assert "examples: test 5;" in capsys.readouterr().out
  build.main([*args, "--splits", "test"])
  assert "already built" in capsys.readouterr().out
  build.main([*args, "--splits", "dev,test"])
  assert records.split_names(*name) == ["test", "validation"]
  build.main(args)
  assert records.split_names(*name) == ["test", "train", "validation"]
  capsys.readouterr()
  build.main([*args, "--splits", "test"])  # does not throw the others away
  assert "already built" in capsys.readouterr().out
  assert records.split_names(*name) == ["test", "train", "validation"]


def test_a_part_replaces_the_whole_whose_files_have_changed(tmp_path):
  trees.phoenix14t(tmp_path / "tree")
  prepare = lambda splits: build.prepare(
    "phoenix14t", None, tmp_path / "tfds", tmp_path / "tree", splits=splits
  )
  assert prepare(None)[1] is True
  assert prepare(("test",))[1] is False
  for path in (tmp_path / "tree/features/agnostic/train").iterdir():
    path.unlink()
  builder, built = prepare(("test",))
  assert built and records.split_names("phoenix14t", tmp_path / "tfds") == ["test"]
  assert [*builder.info.splits] == ["test"]


@pytest.mark.parametrize("text", ["tset", "", "train,", "all"])
def test_unknown_splits_are_one_sentence(text, root, tmp_path, capsys):
  args = ["phoenix14t", "--manual_dir", str(root / "phoenix14t"), "--data_dir", str(tmp_path)]
  with pytest.raises(SystemExit):
    build.main([*args, f"--splits={text}"])
  error = capsys.readouterr().err
  assert "unknown split" in error and error.count("\n") == 1
  assert not list(tmp_path.iterdir())


def test_training_on_test_alone_is_one_sentence(root, tmp_path, monkeypatch, capsys):
  build.prepare("phoenix14t", None, tmp_path / "tfds", root / "phoenix14t", splits=("test",))
  settings = {
    **program.SMALL_MODEL, "data.data_dir": tmp_path / "tfds", "batch_size": 4,
    "eval_batch_size": 4, "steps": 2, "data.combine": "agnostic",
  }  # fmt: skip
  with pytest.raises(SystemExit):
    program.call(
      monkeypatch, "--config=configs/cico.py:phoenix14t", f"--workdir={tmp_path / 'run'}",
      *(f"--config.{key}={value}" for key, value in settings.items()),
    )  # fmt: skip
  error = capsys.readouterr().err
  assert "has no split 'train': it has test; data_builders.build without --splits" in error
  assert "Traceback" not in error


def test_features_are_stored_in_the_dtype_that_is_asked_for(root, tmp_path):
  prepare = lambda **options: build.prepare(
    "csl_daily", None, tmp_path / "tfds", root / "csl_daily", **options
  )
  features = {}
  for dtype in ("float16", "float32", "float16"):
    assert prepare(feature_dtype=dtype)[1] is True
    assert prepare(feature_dtype=dtype)[1] is False
    split = RetrievalSplit("csl_daily", "test", tmp_path / "tfds")
    assert split.dtypes == {"agnostic": np.dtype(dtype)}
    features[dtype] = split.features(0)["agnostic"]
  name = split.video_ids[0]
  np.testing.assert_array_equal(features["float32"], trees.feature(name))
  np.testing.assert_array_equal(features["float16"], trees.feature(name).astype(np.float16))
  assert not np.array_equal(features["float16"], features["float32"])


def test_a_part_in_another_dtype_does_not_replace_the_whole(root, tmp_path):
  prepare = lambda *splits, dtype: build.prepare(
    "csl_daily", None, tmp_path / "tfds", root / "csl_daily", splits=splits or None,
    feature_dtype=dtype,
  )
  prepare(dtype="float16")
  with pytest.raises(UserError, match="holds train, validation, test in float16: build all of"):
    prepare("test", dtype="float32")
  assert prepare("test", dtype="float16")[1] is False  # it is still there
  assert prepare(dtype="float32")[1] is True


def test_other_files_in_the_first_folder_do_not_hide_annotations(tmp_path):
  trees.phoenix14t(tmp_path)
  pickles = tmp_path / "data_ph"
  (tmp_path / "cico").rename(pickles)
  (tmp_path / "cico").mkdir()
  (tmp_path / "cico/boxes.pkl").touch()
  assert corpora.read("phoenix14t", tmp_path)["test"]


def test_the_simulator_has_no_other_dtype_and_some_splits(tmp_path):
  with pytest.raises(UserError, match="signing_sim are made in float16, leave --feature_dtype out"):
    build.prepare("signing_sim/tiny", data_dir=tmp_path, feature_dtype="float32")
  build.prepare("signing_sim/tiny", data_dir=tmp_path, splits=("validation",))
  assert records.split_names("signing_sim/tiny", tmp_path) == ["validation"]
  assert build.prepare("signing_sim/tiny", data_dir=tmp_path, splits=("validation",))[1] is False
  assert build.prepare("signing_sim/tiny", data_dir=tmp_path)[1] is True


def test_a_corpus_without_dev_pkl_is_checked(tmp_path, capsys):
  trees.csl_daily(tmp_path, 12)
  (tmp_path / "cico/dev.pkl").unlink()
  report = check.check("csl_daily", tmp_path)
  assert report.splits["train"]["videos"] + report.splits["validation"]["videos"] == 24
  assert report.splits["validation"]["published"] == "? / ?"
  texts = [finding.text for finding in report.findings]
  assert any("held out as the validation split" in text for text in texts)
  assert not report.counts()["error"], texts
  for split in ("train", "dev"):
    for path in (tmp_path / f"features/agnostic/{split}").glob("*"):
      path.unlink()
  with pytest.raises(SystemExit):
    check.main(["csl_daily", "--manual_dir", str(tmp_path)])
  check.main(["csl_daily", "--manual_dir", str(tmp_path), "--splits", "test"])
  assert "0 errors" in capsys.readouterr().out


def test_pickles_of_seds_are_not_read_as_those_of_cico(tmp_path):
  names = trees.how2sign(tmp_path)
  for protocol in ("cico", "seds"):
    for split in names:
      (tmp_path / protocol / f"{trees.SPLITS[split]}.pkl").unlink()
    (tmp_path / protocol).rmdir()
  for split in names:
    path = trees.how2sign_pickle(tmp_path, split, trees.how2sign_rows(split), "seds")
    trees.dump(tmp_path / "data_h2" / path.name, safe_pickle.read(path, kind="pickle"))
  with pytest.raises(UserError, match="is SEDS's, .* build how2sign/features_seds"):
    corpora.read("how2sign", tmp_path)
  pathlib.Path(tmp_path / "seds").rename(tmp_path / "elsewhere")
  assert len(corpora.read("how2sign", tmp_path, "seds")["test"]) == 8
