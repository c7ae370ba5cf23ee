"""What programs of several runs pass on of their command line."""

import pytest

from sign_jax.errors import UserError
from sign_jax.run import command_line
from tests import program

CONFIG = "configs/signvtcl.py"


def for_stages(monkeypatch, *args, own=()):
  with program.command_line(monkeypatch, "--config", CONFIG, "--workdir=runs/x", *args) as argv:
    return command_line.for_stages(argv, own)


def test_every_way_to_write_a_setting_goes_on_as_one(monkeypatch):
  config, root, given, flags = for_stages(
      monkeypatch, "--config.epochs", "3", "-config.seed=4", "--noconfig.optim.flat",
      "--config.decode.merge_repeated", "--config.data.name=a=b",
  )
  assert flags == [
      "--config.epochs=3", "--config.seed=4", "--config.optim.flat=False",
      "--config.decode.merge_repeated=True", "--config.data.name=a=b",
  ]
  with program.command_line(monkeypatch, f"--config={given}", f"--workdir={root}", *flags) as argv:
    again = command_line.parse(argv)[0]
  assert again.to_json() == config.to_json() and again.epochs == 3 and not again.optim.flat


def test_what_the_runs_would_not_get_is_refused(monkeypatch):
  with pytest.raises(UserError, match="--verbosity does not go on to the runs"):
    for_stages(monkeypatch, "--verbosity", "1")
  with pytest.raises(UserError, match="'3' is not a flag"):
    for_stages(monkeypatch, "--config.optim.flat", "3")
  with pytest.raises(UserError, match="Unknown command line flag"):
    for_stages(monkeypatch, "--epochs=3")
  assert not for_stages(monkeypatch, "--verbosity=1", own=("verbosity",))[3]
