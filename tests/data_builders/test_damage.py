"""Damage that no policy leaves out, and what the policies promise."""

import json
import shutil

import pytest

from data_builders import build
from data_builders.csl_daily.annotations import INFO, SPLIT_FILE
from sign_jax.errors import UserError
from tests import videos
from tests.data_builders.damage import BAD_FILE, Hostile, cut, put


def lose(name):
  return lambda root: shutil.rmtree(root / name) if (root / name).is_dir() else (
    root / name
  ).unlink()


def header(name, old, new):
  def damage(root):
    content = (root / name).read_text()
    (root / name).write_text(content.replace(old, new, 1))

  return damage


def all_of_test(root):
  for path in (root / "features/agnostic/test").iterdir():
    path.write_bytes(b"")


PHOENIX_TABLE = "annotations/manual/PHOENIX-2014-T.dev.corpus.csv"
WHOLE = [  # what no policy can leave out
  ("how2sign", None, lose("cico/train.pkl"), "there is no file .*cico/train.pkl"),
  ("phoenix14t", None, lose("cico/dev.pkl"), "there is no file .*cico/dev.pkl"),
  ("how2sign", None, cut("cico/train.pkl"), "train.pkl is no complete annotation file"),
  ("how2sign", None, put("cico/test.pkl", Hostile()), "system"),
  ("how2sign", None, put("cico/test.pkl", []), "holds no dict"),
  ("how2sign", None, put("cico/test.pkl", {}), "the split test has no videos .none listed"),
  ("how2sign", None, lose("features"), "there is no folder .*features/agnostic"),
  ("how2sign", "pose", lose("pose"), "there is no folder .*pose"),
  ("how2sign", None, all_of_test, "is no complete feature file|split test is damaged"),
  ("how2sign", "features_csv", lose("how2sign_realigned_val.csv"), "no file .*realigned_val.csv"),
  ("how2sign", "features_csv", header("how2sign_realigned_test.csv", "SENTENCE_ID", "ID"),
   "line 1: no column SENTENCE_ID among 'VIDEO_ID', 'VIDEO_NAME', 'ID',"),
  ("how2sign", "features_csv", put("how2sign_realigned_test.csv", b"\xff\xfe\0"), "in UTF-16"),
  ("how2sign", "features_csv", put("how2sign_realigned_test.csv", b"\xff\xfd"), "not encoded in"),
  ("how2sign", "features_csv", put("how2sign_realigned_test.csv", b""), "no column"),
  ("phoenix14t", "features_official", lose(PHOENIX_TABLE), "no file .*PHOENIX-2014-T.dev.corpus"),
  ("phoenix14t", "features_official", header(PHOENIX_TABLE, "|orth|", "|gloss|"),
   "line 1: no column orth among"),
  ("csl_daily", "features_official", lose(INFO), "there is no file .*csl2020ct_v2.pkl"),
  ("csl_daily", "features_official", put(INFO, {"data": []}), "holds no list 'info'"),
  ("csl_daily", "features_official", put(INFO, {"info": [Hostile()]}), "system"),
  ("csl_daily", "features_official", lose(SPLIT_FILE), "there is no file .*split_1.txt"),
  ("csl_daily", "features_official", header(SPLIT_FILE, "name|split", "name,split"),
   "line 1: the columns are separated by commas .*with bars between them"),
]  # fmt: skip


@pytest.mark.parametrize("on_error", ["stop", "skip"])
@pytest.mark.parametrize(("corpus", "config", "damage", "words"), WHOLE)
def test_damage_of_a_whole_split_or_corpus(
  pristine, tmp_path, corpus, config, damage, words, on_error
):
  root = tmp_path / corpus
  shutil.copytree(pristine / corpus, root)
  damage(root)
  with pytest.raises(UserError, match=words) as error:
    build.prepare(corpus, config, tmp_path / "tfds", root, on_error)
  assert "\n" not in str(error.value)
  assert not list((tmp_path / "tfds").rglob("dataset_info.json"))


def test_all_missing_files_are_named_before_anything_is_built(pristine, tmp_path):
  root = tmp_path / "how2sign"
  shutil.copytree(pristine / "how2sign", root)
  for path in (root / "features/aware/test").iterdir():
    path.unlink()
  (root / BAD_FILE).unlink()
  with pytest.raises(UserError, match="8 of 24 videos lack a file") as error:
    build.prepare("how2sign", None, tmp_path / "tfds", root)
  assert str(error.value).count("(aware)") == 7 and str(error.value).count("(agnostic, aware)") == 1
  assert not list((tmp_path / "tfds").rglob("*.array_record*"))


def test_a_corpus_that_was_built_with_skips_is_not_passed_off_as_whole(pristine, tmp_path, capsys):
  root = tmp_path / "how2sign"
  shutil.copytree(pristine / "how2sign", root)
  videos.truncate(root / BAD_FILE, 0.5)
  args = ["how2sign", "--manual_dir", str(root), "--data_dir", str(tmp_path / "tfds")]
  build.main([*args, "--on_error", "skip"])
  assert "skipped 1 damaged videos (test 1 of 8), see " in capsys.readouterr().out
  with pytest.raises(SystemExit):
    build.main(args)
  assert "1 damaged videos were left out" in capsys.readouterr().err
  build.main([*args, "--on_error", "skip"])
  assert "already built" in capsys.readouterr().out
  shutil.copyfile(pristine / "how2sign" / BAD_FILE, root / BAD_FILE)
  build.main(args)
  out = capsys.readouterr().out
  assert "test 8;" in out and "skipped" not in out
  (path,) = (tmp_path / "tfds").rglob("skipped.json")
  assert json.loads(path.read_text())["test"] == {"annotated": 8, "built": 8, "skipped": []}


def test_builders_that_cannot_skip_say_so(tmp_path):
  with pytest.raises(UserError, match="signing_sim leaves no video out"):
    build.prepare("signing_sim/tiny", None, tmp_path, None, "skip")


@pytest.mark.parametrize("folder", [None, "absent"])
def test_the_folder_must_be_there(tmp_path, folder):
  with pytest.raises(UserError, match="--manual_dir"):
    build.prepare("how2sign", None, tmp_path, folder and tmp_path / folder)
