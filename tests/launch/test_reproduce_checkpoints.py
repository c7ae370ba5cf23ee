"""A table from the checkpoints in a folder: it fills what it can and names what it lacks."""

import errno
import json
import re

import pytest

from data_builders import build
from launch import reproduce
from launch.reproductions import checkpoints
from launch.tables import TABLES
from sign_jax.errors import UserError
from sign_jax.systems.published_rows import WIDE
from sign_jax.train import report
from tests import program, released
from tests.data_builders import trees

pytestmark = pytest.mark.usefixtures("quick_compile")
DIMS = {"agnostic": trees.DIM, "aware": trees.DIM}
# Of one head: a file tells heads of 64 channels.
SIZES = {f"model__{tower}__{key}": value for tower in ("video", "text")
         for key, value in (("width", 64), ("heads", 1))}  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
  """A folder of data sets that holds a small How2Sign."""
  folder = tmp_path_factory.mktemp("corpus")
  names = trees.how2sign(folder / "files")
  trees.write_features(folder / "files", names, "aware", sign=-1)
  build.prepare("how2sign", None, folder / "tfds", folder / "files")
  return folder / "tfds"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
  """Checkpoints by system."""
  folder = tmp_path_factory.mktemp("files")
  write = lambda system: released.write(
    folder / f"{system}.safetensors", system, dims=DIMS, **SIZES
  )
  return {system: write(system) for system in ("cico", "upret")}


def put(file, *places):
  """Links a file to other places."""
  for place in places:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(file)


def fill(table, folder, data_dir, workdirs, *more):
  reproduce.main([
    table, "--checkpoints", str(folder), "--workdirs", str(workdirs),
    f"--config.data.data_dir={data_dir}", "--config.eval_batch_size=8", *more,
  ])  # fmt: skip


def row_of(out, label):
  line = next(line for line in out.splitlines() if re.match(rf"{re.escape(label)}\s{{2}}", line))
  return re.split(r"\s{2,}", line)[1:]


@pytest.fixture
def without_upret(files, tmp_path):
  put(files["cico"], tmp_path / "ours/how2sign/CiCo.safetensors")
  return tmp_path / "ours"


def test_the_row_of_a_missing_file_is_named(without_upret, corpus, files, tmp_path, capsys,
                                            monkeypatch):  # fmt: skip
  fill("upret/table1", without_upret, corpus, tmp_path / "runs")
  out = capsys.readouterr().out
  assert "published on how2sign, ours on how2sign" in out
  assert f"not filled: UPRet: no checkpoint: put it into {without_upret}/how2sign/upret.bin" in out
  assert row_of(out, "UPRet")[:4] == ["59.1", "-", "71.5", "-"]
  cico, again = row_of(out, "CiCo"), row_of(out, "CiCo*")
  assert cico[0] == "56.6" and again[0] == "56.4" and cico[1::2] == again[1::2]
  assert cico[8] == "-" and "-" not in cico[1::2]  # the paper prints no mean rank, we do
  assert "how2sign/features:" in out and "4 sentences, 8 videos; ties: expected" in out
  stem = tmp_path / "runs/how2sign/checkpoints"
  assert "| UPRet | 59.1 | - |" in (stem / "upret-table1.md").read_text()
  assert "not filled: UPRet" in (stem / "upret-table1.txt").read_text()
  # The same numbers as of the training program.
  args = program.arguments(
    tmp_path / "evaluated", corpus, "cico", data__name="how2sign", data__video_length=16,
    data__text_length=32, init__model=files["cico"], **SIZES,
  )  # fmt: skip
  expected = program.call(monkeypatch, *args, "--mode=evaluate")
  results = json.loads((stem / "cico" / report.RESULTS).read_text())
  assert results["weights_sha256"] == expected["weights_sha256"]
  assert cico[1] == f"{expected['test/t2v/R@1']:.1f}"
  assert {k: v for k, v in results.items() if "2v/" in k} == {
    k: v for k, v in expected.items() if k.startswith("test/") and "2v/" in k
  }


def test_the_other_folder_lacks_another_row(files, corpus, tmp_path, capsys):
  folder = tmp_path / "theirs"
  put(files["upret"], folder / "UPRet_how2sign/pytorch_model.safetensors")
  (folder / "UPRet_how2sign/pytorch_opt.bin.3").write_text("the optimiser's")
  (folder / "cico").mkdir()
  fill("upret/table4", folder, corpus, tmp_path / "runs", "--config.ties=released")
  out = capsys.readouterr().out
  assert "-" not in row_of(out, "DM RS OT") and "ties: released" in out
  assert "not filled: -: " in out and "must hold one file of weights" in out
  assert "not filled: DM RS: no checkpoint: put it into" in out and "how2sign/dm_rs.bin" in out


def test_files_that_do_not_fit_are_told(files, corpus, tmp_path, capsys):
  folder = tmp_path / "wrong"
  put(files["cico"], folder / "upret.safetensors")
  wide = dict.fromkeys(DIMS, 2 * trees.DIM)
  released.write(folder / "how2sign-cico.safetensors", "cico", dims=wide, **SIZES)
  with pytest.raises(SystemExit) as stop:
    fill("upret/table1", folder, corpus, tmp_path / "runs")
  assert stop.value.code == 1
  told = capsys.readouterr()
  assert re.search(r"not filled: UPRet: .*upret.safetensors.*missing", told.out)
  assert re.search(r"not filled: CiCo: .*how2sign-cico.safetensors.*misshaped", told.out)
  assert "no row of upret/table1 could be filled" in told.err and "Traceback" not in told.err


def test_a_data_set_that_is_not_built_is_told(without_upret, corpus, tmp_path, capsys):
  with pytest.raises(SystemExit) as stop:
    fill("cico/how2sign", without_upret, corpus, tmp_path, "--dataset", "how2sign",
         "--config.data.name=how2sign/features_seds")  # fmt: skip
  assert stop.value.code == 1
  assert "data set 'how2sign/features_seds' is not built in" in capsys.readouterr().out


@pytest.mark.parametrize("error", [
  OSError(errno.EIO, "Input/output error", "upret.bin"), ZeroDivisionError("ours"),
])  # fmt: skip
def test_what_one_row_meets_is_not_the_others(tmp_path, monkeypatch, capsys, error):
  results = dict.fromkeys((f"test/{column}" for column in WIDE), 50.0) | {
    "data": "how2sign:1.0.0", "test/sentences": 4, "test/videos": 8, "ties": "expected"
  }

  def evaluate(row, *_):
    if row.system == "upret":
      raise error
    return results

  monkeypatch.setattr(checkpoints, "evaluate", evaluate)
  for name in ("cico.bin", "upret.bin"):
    (tmp_path / name).touch()
  if isinstance(error, ZeroDivisionError):  # a mistake of ours is shown as one
    with pytest.raises(ZeroDivisionError):
      fill("upret/table1", tmp_path, tmp_path, tmp_path / "runs")
    return
  fill("upret/table1", tmp_path, tmp_path, tmp_path / "runs")
  out = capsys.readouterr().out
  assert row_of(out, "CiCo")[1] == "50.0" and "how2sign:1.0.0, test: 4 sentences" in out
  assert re.search("not filled: UPRet: .*upret.bin", out)


@pytest.mark.parametrize(("more", "words"), [
  (["--seeds", "1"], "--seeds is for runs that train"),
  (["--collect"], "--collect is for runs that train"),
  (["--config.nonsense=1"], "--config: there is no setting 'nonsense'"),
  (["--checkpoints", "nowhere"], "--checkpoints: there is no folder nowhere"),
])  # fmt: skip
def test_mistakes_are_one_sentence(tmp_path, capsys, more, words):
  with pytest.raises(SystemExit) as stop:
    fill("upret/table1", tmp_path, tmp_path, tmp_path, *more)
  assert stop.value.code == 1
  assert words in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("name", [
  "how2sign/upret.bin", "How2Sign/UPRet.pt", "how2sign/upret/pytorch_model.bin", "UPRet.pth.tar",
  "upret/pytorch_model.bin.12", "how2sign-upret.npz", "upret_how2sign/model.safetensors",
  "how2sign/dm_rs_ot/last.pth",
])  # fmt: skip
def test_where_a_file_is_looked_for(tmp_path, name):
  row = TABLES["upret/table4"].rows[-1]
  path = tmp_path / name
  path.parent.mkdir(parents=True, exist_ok=True)
  path.touch()
  assert checkpoints.find(tmp_path, "how2sign", row) == path
  with pytest.raises(UserError, match="no checkpoint"):
    checkpoints.find(tmp_path, "how2sign", TABLES["upret/table4"].rows[0])


def test_one_of_several_files_must_be_chosen(tmp_path):
  (row,) = TABLES["cico/how2sign"].rows
  for name in ("cico/pytorch_model.bin.1", "cico/pytorch_model.bin.2"):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
  with pytest.raises(UserError, match="holds 2 files of weights, among them pytorch_model.bin.1"):
    checkpoints.find(tmp_path, "how2sign", row)
  (tmp_path / "cico/pytorch_model.bin").touch()
  assert checkpoints.find(tmp_path, "how2sign", row).name == "pytorch_model.bin"
  (tmp_path / "CiCo.pt").touch()
  with pytest.raises(UserError, match="all fit the row"):
    checkpoints.find(tmp_path, "how2sign", row)
