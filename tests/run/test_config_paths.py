"""Paths in configurations: `~` and variables mean what they mean in a shell."""

import pytest

from configs import sign_encoder
from sign_jax.errors import UserError
from sign_jax.run import command_line, config_paths, settings
from sign_jax.systems import registry
from tests import program

CONFIGS = {
  **{
    name: lambda name=name: registry.get(name).config(None)
    for name in ("upret", "seds", "nla_slr", "spot_align", "signvtcl")
  },
  "sign_encoder": sign_encoder.get_config,
}
NO_PATHS = ("title", "data.name", "data.clean")  # texts that are empty until somebody fills them in


@pytest.fixture
def home(tmp_path, monkeypatch):
  monkeypatch.setenv("HOME", str(tmp_path))
  return tmp_path


@pytest.mark.parametrize("name", CONFIGS)
def test_every_text_that_may_be_empty_is_a_path(name):
  values = settings.flat(CONFIGS[name]().to_dict())
  empty = {key for key, value in values.items() if value == ""}
  assert empty - set(NO_PATHS) == {key for key in values if config_paths.is_path(key)}


def test_the_program_fills_them_in(home, monkeypatch):
  # A shell leaves ~ alone behind "--flag=".
  (home / "configs").symlink_to(program.ROOT / "configs")
  monkeypatch.setenv("WEIGHTS", str(home / "weights"))
  flags = ("--config.data.data_dir=~/data", "--config.init.clip=$WEIGHTS/clip.pt")
  with program.command_line(
    monkeypatch, "--config=~/configs/cico.py:how2sign", "--workdir=~/run", *flags
  ) as argv:
    config, workdir, _ = command_line.parse(argv)
    assert workdir == home / "run"
    assert config.data.name == "how2sign"
    assert config.data.data_dir == str(home / "data")
    assert config.init.clip == str(home / "weights/clip.pt") and config.init.model == ""


def test_a_variable_that_is_not_set_is_named(monkeypatch, home):
  monkeypatch.delenv("UNSET", raising=False)
  for flag in ("--config.init.clip=$UNSET/a.pt", "--workdir=$UNSET/a"):
    with pytest.raises(UserError, match="the variable UNSET in .* is not set"):
      program.parse(monkeypatch, "--config=configs/cico.py", flag)


def test_two_ways_to_write_a_path_are_one_setting(home):
  before, now = (registry.get("cico").config(None) for _ in range(2))
  before.init.clip, now.init.clip = "~/clip.pt", str(home / "clip.pt")
  (home / "config.json").write_text(before.to_json())
  (home / "checkpoints/last/7").mkdir(parents=True)
  settings.check(now, home)
  now.init.clip = "$HOME/other.pt"
  with pytest.raises(UserError, match="was started with init.clip="):
    settings.check(now, home)
  now.init.clip = str(home / "clip.pt")
  argv = ["main", "--config.init.clip=~/clip.pt"]  # which `parse` has filled in
  config, changed = settings.for_evaluation(now, home, argv)
  assert config.init.clip == str(home / "clip.pt") and changed == ()


def test_lists_of_paths_are_filled_in_one_by_one(home):
  found = config_paths.expanded({"fusion.runs": "~/one, two", "spotting.lexicons": ""})
  assert found == {"fusion.runs": f"{home}/one,two", "spotting.lexicons": ""}
