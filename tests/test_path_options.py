"""Every option that takes a path fills in `~` and variables, and says alike what is missing."""

import ast
import os
import pathlib

import pytest

from data_builders import build, check, list_clips
from sign_jax import diagnose, export, extract, files, parity, pseudo_labels
from sign_jax.data import folder
from sign_jax.run import compile_cache
from tests import program

# Options whose values are words and no paths.
WORDS = {
  "name", "table", "--config", "--protocol", "--shard", "--data_name", "--set", "--pose_size",
  "--pose_range", "--splits", "--license", "--data_license", "--lemmas", "--language",
  "text", "--source", "--signer", "--like", "--exclude", "--name", "--host", "--token",
  "--tier", "--url", "--collection",
}
ADD = ("add_argument", "add")
SOURCES = [
  path for room in ("sign_jax", "data_builders", "launch")
  for path in sorted((program.ROOT / room).rglob("*.py"))
  if "add_argument" in path.read_text()
]  # fmt: skip


def options(path):
  """(name, {keyword: source}) of the options with values that a file adds."""
  for node in ast.walk(ast.parse(path.read_text())):
    called = node.func if isinstance(node, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
    if name in ADD and node.args and isinstance(node.args[0], ast.Constant):
      keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
      if "store_true" not in keywords.get("action", ""):
        yield node.args[0].value, keywords


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_an_option_is_a_path_or_is_known_to_be_a_word(path):
  for name, keywords in options(path):
    is_word = name in WORDS or "choices" in keywords or keywords.get("type") in ("int", "float")
    own_type = keywords.get("type") in ("positive", "field.type")
    assert is_word or own_type or keywords.get("type") == "path_argument", (path.name, name)


def test_no_program_reads_a_path_by_itself():
  for room in ("sign_jax", "data_builders", "launch", "configs"):
    for path in (program.ROOT / room).rglob("*.py"):
      if path.name != "files.py":
        assert "expanduser" not in path.read_text(), path


@pytest.fixture
def home(tmp_path, monkeypatch):
  """A home folder and a working folder, which must stay without a folder named ~."""
  for name in ("home", "work"):
    (tmp_path / name).mkdir()
  monkeypatch.setenv("HOME", str(tmp_path / "home"))
  monkeypatch.setenv("HERE", str(tmp_path / "home"))
  monkeypatch.chdir(tmp_path / "work")
  yield tmp_path / "home"
  assert os.listdir(tmp_path / "work") == []


@pytest.mark.parametrize("root", ["~", "$HERE", "${HOME}"])
def test_building_and_reading_agree(home, monkeypatch, root):
  build.main(["signing_sim/tiny", f"--data_dir={root}/data"])
  found = folder.find("signing_sim/tiny", f"{root}/data")
  assert found.is_relative_to(home / "data") and found.is_dir()
  monkeypatch.setenv("TFDS_DATA_DIR", f"{root}/data")
  assert folder.find("signing_sim/tiny") == found


def test_the_folder_of_compiled_programs(home, monkeypatch):
  asked = {}
  monkeypatch.setattr(compile_cache.jax.config, "update", asked.__setitem__)
  monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "~/compiled")
  compile_cache.enable()
  assert pathlib.Path(asked["jax_compilation_cache_dir"]).parent == home / "compiled"
  monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
  compile_cache.enable()
  assert home / ".cache/sign_jax" in pathlib.Path(asked["jax_compilation_cache_dir"]).parents


# That compute nothing themselves: they start other programs, or do sums.
STARTERS = {
  "local", "scaling_study", "sign_encoder_study", "signvtcl", "spot_align", "child", "search_cost",
}


def programs():
  paths = [x for room in ("sign_jax", "launch") for x in (program.ROOT / room).rglob("*.py")]
  return [path for path in paths if '__name__ == "__main__"' in path.read_text()]


@pytest.mark.parametrize("path", programs(), ids=lambda path: path.stem)
def test_every_program_that_computes_keeps_what_it_compiles(path):
  calls = {
    ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.Call)
  }  # fmt: skip
  assert ("compile_cache.enable" in calls) == (path.stem not in STARTERS)


def test_the_programs_are_found():
  names = {path.stem for path in programs()}
  assert STARTERS | {
    "main", "extract", "pseudo_labels", "recognize", "export", "parity", "diagnose"
  } < names


def test_what_is_written_lies_at_home(home):
  (home / "videos").mkdir()
  (home / "videos/a.mp4").write_text("no video")
  with pytest.raises(SystemExit):
    extract.main(["--videos=~/videos", "--out=~/out", "--random_weights"])
  assert (home / "videos").is_dir()


@pytest.mark.parametrize(("main", "args", "sentence"), [
  (extract.main, ["--videos=~/vidoes", "--out=x", "--random_weights"],
   "--videos: there is no folder {}/vidoes (did you mean 'videos'?), "),
  (extract.main, ["--videos=~/videos", "--out=x", "--csv=$HERE/clip.csv", "--random_weights"],
   "--csv: there is no file {}/clip.csv (did you mean 'clips.csv'?), "),
  (extract.main, ["--videos=~/videos", "--out=x", "--weights=~/w.pt"],
   "--weights: there is no file {}/w.pt, "),
  (pseudo_labels.main, ["--videos=~/videos", "--out=x", "--csv=~/none.csv", "--random_weights"],
   "--csv: there is no file {}/none.csv, "),
  (pseudo_labels.main, ["--videos=~/videos", "--out=x", "--classes=~/c.txt", "--random_weights"],
   "--classes: there is no file {}/c.txt, "),
  (build.main, ["video_folder", "--manual_dir=~/none"], "--manual_dir: there is no folder {}/none"),
  (build.main, ["how2sign", "--manual_dir=~/clips.csv"], "--manual_dir: {}/clips.csv is no folder"),
  (check.main, ["how2sign", "--manual_dir=$HERE/none"], "--manual_dir: there is no folder {}/none"),
  (list_clips.main, ["how2sign", "--manual_dir=~/none", "--out=x"],
   "--manual_dir: there is no folder {}/none"),
  (export.main, ["--workdir=~/none", "--out=x.pt"], "--workdir: there is no folder {}/none, "),
  (parity.main, ["upret", "~/none"], "there is no file {}/none.json, "),
  (diagnose.main, ["~/none.npz"], "there is no file {}/none.npz, "),
  (extract.main, ["--videos=$NO_SUCH", "--out=x", "--random_weights"], "the variable NO_SUCH in"),
])  # fmt: skip
def test_what_is_missing_is_said_alike(home, capsys, main, args, sentence):
  (home / "videos").mkdir()
  for name in ("videos/a.mp4", "clips.csv"):
    (home / name).write_text("video\na.mp4\n")
  with pytest.raises(SystemExit) as stop:
    main(args)
  out, error = capsys.readouterr()
  told = [line for line in (out + error).splitlines() if line.startswith("error: ")]
  assert stop.value.code == 1 and "Traceback" not in error
  assert len(told) == 1 and sentence.format(home) in told[0]


def test_the_helper_is_what_programs_use():
  assert files.path_argument("a/b") == pathlib.Path("a/b")
