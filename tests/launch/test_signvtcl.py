"""SignVTCL's stages: what each begins with, stopped after every stage, and taken up again."""

import json

import pytest

from launch import signvtcl
from launch.stages import Stages
from sign_jax.errors import UserError
from sign_jax.run import command_line
from sign_jax.systems.signvtcl import settings
from tests import program

CONFIG = "configs/signvtcl.py"
ALL = ["video", "keypoint", "flow", "teacher", "full"]


class Killed(Exception):
  """A program ends before its stage has begun."""


@pytest.fixture
def begun(monkeypatch):
  """[(name, arguments) of the stages that began], and how many may in one start."""
  found, rest = [], {"allowed": 10**6}

  def start(self, module, *arguments):
    if not rest["allowed"]:
      raise Killed
    rest["allowed"] -= 1
    given = [str(x) for x in arguments]
    folder = self.root / given[given.index("--workdir") + 1]
    found.append((folder.name, given))
    folder.mkdir(parents=True)
    numbers = {
        f"{split}/{rate}": 90.0 - len(found) + place for split in ("validation", "test")
        for place, rate in enumerate(("wer", "substitutions", "deletions", "insertions"))
    }
    (folder / "results.json").write_text(json.dumps({**numbers, "data": "sim"}))
    assert module == "sign_jax.main"

  monkeypatch.setattr(Stages, "start", start)
  return found, rest


def run(root, config=CONFIG, **changes):
  flags = [f"--config.{key}={value}" for key, value in changes.items()]
  with pytest.MonkeyPatch.context() as patch, program.command_line(
      patch, f"--config={config}", f"--workdir={root}", *flags
  ) as argv:
    parsed, root, _ = command_line.parse(argv)
  return signvtcl.go(parsed, root, config, flags)


def configurations(begun, monkeypatch):
  """{stage: the configuration that its command line describes, checked}."""
  return {name: program.parse(monkeypatch, *given) for name, given in begun}


def sections(found):
  return {name: settings.decided(config.model) for name, config in found.items()}


def test_the_whole_way_stopped_after_every_stage(tmp_path, begun, capsys, monkeypatch):
  stages, rest = begun
  for count in range(len(ALL)):
    rest["allowed"] = 1
    if count < len(ALL) - 1:
      with pytest.raises(Killed):
        run(tmp_path / "a", epochs=3)
  numbers = run(tmp_path / "a", epochs=3)
  assert [name for name, _ in stages] == ALL
  assert run(tmp_path / "a", epochs=3) == numbers and len(stages) == len(ALL)
  assert numbers == json.loads((tmp_path / "a" / "results.json").read_text())
  assert numbers["video/test/wer"] == 89 and numbers["full/test/wer"] == 85
  assert numbers["test/wer"] == 85 and numbers["data"] == "sim" and "video/data" not in numbers
  table = (tmp_path / "a" / "table.txt").read_text()
  assert table in capsys.readouterr().out
  for part, split in zip(table.split("\n\n"), ("validation", "test"), strict=True):
    title, *lines = part.splitlines()
    assert title.split() == [split, "WER", "substitutions", "deletions", "insertions"]
    assert [line.split()[0] for line in lines] == ALL
    assert lines[-1].split()[1:3] == ["85.0", "86.0"]

  found = configurations(stages, monkeypatch)
  models = sections(found)
  root = tmp_path / "a"
  for name in ALL[:3]:
    assert settings.streams_of(models[name]) == (name,)
    assert not settings.is_aligned(models[name])
    assert not any(found[name].init.values())
  for name in ("teacher", "full"):
    assert settings.streams_of(models[name]) == tuple(ALL[:3])
    assert [found[name].init[x] for x in ALL[:3]] == [str(root / x) for x in ALL[:3]]
  assert not settings.is_aligned(models["teacher"]) and not found["teacher"].init.teacher
  assert settings.is_aligned(models["full"]) and models["full"].align.source == "teacher"
  assert found["full"].init.teacher == str(root / "teacher")
  assert {config.epochs for config in found.values()} == {3}
  with pytest.raises(UserError, match="video/results.json was made with other settings"):
    run(tmp_path / "a", epochs=4)


def test_the_base_ends_with_both_streams(tmp_path, begun, monkeypatch):
  run(tmp_path, **{"model.variant": "base"})
  found = configurations(begun[0], monkeypatch)
  assert list(found) == ["video", "keypoint", "joint"]
  models = sections(found)
  assert {model.fusion.kind for model in models.values()} == {"lateral"}
  assert found["joint"].init.keypoint == str(tmp_path / "keypoint")
  assert not found["joint"].init.teacher and not found["joint"].init.flow


def test_one_stream_is_its_own_teacher(tmp_path, begun, monkeypatch):
  run(tmp_path, **{"model.streams": "flow", "model.align.sentence": 0.0})
  found = configurations(begun[0], monkeypatch)
  assert list(found) == ["flow", "full"]
  assert found["full"].init.teacher == found["full"].init.flow == str(tmp_path / "flow")
  assert found["full"].model.align.sentence == 0 and found["flow"].model.streams == "flow"


def test_files_are_for_the_stages_of_one_stream(tmp_path, begun, monkeypatch):
  file = tmp_path / "s3d.safetensors"
  file.write_text("kinetics")
  init = {f"init.{name}": file for name in ("video", "keypoint")}
  run(tmp_path / "a", **init)
  found = configurations(begun[0], monkeypatch)
  init = {name: dict(config.init) for name, config in found.items()}
  assert init["video"] == dict.fromkeys(init["video"], "") | {"video": str(file)}
  assert init["keypoint"]["keypoint"] == str(file) and not init["keypoint"]["video"]
  assert not init["flow"]["flow"]
  assert str(file) not in (*init["teacher"].values(), *init["full"].values())
  file.write_text("another")
  with pytest.raises(UserError, match="was made with other settings .*s3d.safetensors"):
    run(tmp_path / "a", **{"init.video": file, "init.keypoint": file})


@pytest.mark.parametrize(("changes", "words"), [
    ({"init.teacher": "x"}, "leave --config.init.teacher out"),
    ({"model.align.source": "online"}, "leave --config.model.align.source out"),
    ({"model.streams": "video+sound"}, "'sound', which is not one of"),
])
def test_what_cannot_work_is_said_before_the_first_stage(tmp_path, begun, changes, words):
  with pytest.raises(UserError, match=words):
    run(tmp_path, **changes)
  assert not begun[0]


def test_the_texts_of_the_last_stage_are_asked_for_first(tmp_path, begun):
  data = f"{CONFIG}:phoenix14"
  with pytest.raises(UserError, match="last stage reads mBART: .*--config.text.weights"):
    run(tmp_path, data)
  with pytest.raises(UserError, match="there is no file .*nowhere"):
    run(tmp_path, data, **{"text.weights": tmp_path / "nowhere"})
  with pytest.raises(UserError, match="cico has no such stages"):
    run(tmp_path, "configs/cico.py")
  with pytest.raises(UserError, match="freeze_blocks=1 would leave .*pass --config.init.video"):
    run(tmp_path, data, **{"model.variant": "base"})
  run(tmp_path, data, **{"model.variant": "base", "init.video": "s3d.pt"})
  assert [name for name, _ in begun[0]] == ["video", "keypoint", "joint"]
