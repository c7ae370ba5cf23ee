"""Several starts that share the work of one folder, with programs that compute nothing."""

import concurrent.futures
import contextlib
import itertools
import time
import types

import pytest

from launch import sharing, spot_align
from launch.sharing import Shard
from launch.stages import Stages
from sign_jax.errors import UserError

FILES = [f"file_{number}" for number in range(5)]
SECONDS = 60  # after which a test that hangs fails


@pytest.fixture(autouse=True)
def quick(monkeypatch):
  monkeypatch.setattr(sharing, "_POLL_SECONDS", 0.01)


@pytest.fixture
def at_once():
  """Runs functions at the same time: `at_once(f)` gives a future."""
  with concurrent.futures.ThreadPoolExecutor(4) as pool:
    yield pool.submit


class Work(Stages):
  """A training, features of FILES by each shard, and a spotting of all of them."""

  def __init__(self, root, text, settings="same", during=lambda command: None):
    super().__init__(root)
    self.shard, self.settings, self.during = Shard(root, text), settings, during

  def start(self, module, *command):
    self.during((module, *map(str, command)))
    with self.shard.log.open("a") as log:
      log.write(f"{module}\n")
    if module == "extract":
      part = str(command[-1]) if command[-2:-1] == ("--shard",) else ""
      for name in sharing.shards.take(FILES, part):
        (self.root / "features" / name).write_text(self.root.joinpath("encoder").read_text())
    else:
      found = sorted(path.name for path in (self.root / "features").glob("file_*"))
      (self.root / command[0]).write_text(f"{module} {found}")

  def train(self):
    self.run(self.root / "encoder", "train", "encoder")

  def encode(self):
    out = self.root / "features"
    out.mkdir(exist_ok=True)
    self.run(out / "complete", "extract", self.settings, products=[out],
             made_from=[self.root / "encoder"], is_divided=True)  # fmt: skip
    if self.shard.is_first:
      (out / "complete").touch()

  def spot(self):
    self.run(self.root / "spotted", "spot", "spotted")

  def stages(self):
    return [("training", self.train), ("round 1: features", self.encode), ("spotting", self.spot)]

  def go(self):
    """As `launch.spot_align` does it."""
    with self.shard.at_work():
      spot_align.work(self)


def until(is_true):
  """Waits for another thread."""
  while not is_true():
    time.sleep(0.01)


def modules(root):
  """{name of a log: the programs that it tells of}."""
  return {path.name: path.read_text().split() for path in root.glob("log*.txt")}


def content(root):
  """{name: text} of all results."""
  paths = [root / "encoder", root / "spotted", *(root / "features").iterdir()]
  return {path.name: path.read_text() for path in paths}


def test_two_starts_make_what_one_makes(tmp_path, at_once, capfd):
  (tmp_path / "alone").mkdir()
  Work(tmp_path / "alone", "").go()
  (root := tmp_path / "shared").mkdir()
  late = at_once(Work(root, "2/2").go)
  at_once(Work(root, "1/2").go).result(SECONDS)
  late.result(SECONDS)
  assert content(root) == content(tmp_path / "alone") and len(content(root)) == 3 + len(FILES)
  assert modules(root) == {
    "log.txt": ["train", "extract", "spot"], "log-2-of-2.txt": ["extract"],
  }
  assert "shard 2/2 waits for shard 1/2" in capfd.readouterr().err
  assert not (tmp_path / "alone" / "shards").exists()
  # What is there is not made again, by one or by several.
  other, first = Work(root, "2/2"), Work(root, "1/2")
  late = at_once(other.go)
  first.train = lambda: until(lambda: other.shard._begun)  # it would be over before they meet
  first.go()
  late.result(SECONDS)
  Work(root, "").go()
  assert len(sum(modules(root).values(), [])) == 4


def test_a_part_that_was_stopped_is_started_again(tmp_path, at_once):
  def fail(command):
    raise UserError("no memory")

  first = at_once(Work(tmp_path, "1/2").go)
  with pytest.raises(UserError, match="no memory"):
    Work(tmp_path, "2/2", during=fail).go()
  assert not first.done()
  Work(tmp_path, "2/2").go()
  first.result(SECONDS)
  assert len(content(tmp_path)) == 3 + len(FILES)


def test_the_others_end_when_the_first_has_failed(tmp_path, at_once):
  other = Work(tmp_path, "2/2")

  def fail(command):
    until(lambda: other.shard._begun)
    raise UserError("diverged")

  first = at_once(Work(tmp_path, "1/2", during=fail).go)
  with pytest.raises(UserError, match="shard 1/2 has stopped before this was done: training"):
    other.go()
  with pytest.raises(UserError, match="diverged"):
    first.result(SECONDS)


def test_they_do_not_wait_for_ever(tmp_path, monkeypatch):
  monkeypatch.setattr(sharing, "PATIENCE", 0.05)
  with pytest.raises(UserError, match="shard 2/2 has not come .* features; start .* --shard 2/2"):
    Work(tmp_path, "1/2").go()
  with pytest.raises(UserError, match="shard 1/2 has not come .* its start"):
    Work(tmp_path, "2/2").go()


def test_what_does_not_fit_is_refused(tmp_path, at_once):
  with contextlib.ExitStack() as held:
    held.enter_context(Shard(tmp_path, "1/2").at_work())
    for text in ("1/2", ""):
      with pytest.raises(UserError, match="another run is at work"):
        held.enter_context(Shard(tmp_path, text).at_work())
    with pytest.raises(UserError, match="shard 3/3 does not fit: the first one is shard 1/2"):
      held.enter_context(Shard(tmp_path, "3/3").at_work())
  first = at_once(Work(tmp_path, "1/2").go)
  with pytest.raises(UserError, match="shard 2/2 was started with other settings"):
    Work(tmp_path, "2/2", settings="others").go()
  Work(tmp_path, "2/2").go()
  first.result(SECONDS)


def test_a_part_is_told_that_the_first_one_was_started_again(tmp_path):
  with contextlib.ExitStack() as held:
    other = Shard(tmp_path, "2/2")
    with Shard(tmp_path, "1/2").at_work():
      held.enter_context(other.at_work())
    with Shard(tmp_path, "1/2").at_work(), pytest.raises(
      UserError, match="shard 1/2 was started again: start shard 2/2 again too"
    ):
      other.wait(1, "training", lambda: False)


def test_where_there_are_no_locks_all_count_as_at_work(tmp_path, monkeypatch):
  def refuse(file, operation):
    raise OSError(sharing.files.NO_LOCKS[0], "no locks")

  monkeypatch.setattr(sharing.fcntl, "flock", refuse)
  answers = itertools.chain([False], itertools.repeat(True))
  with Shard(tmp_path, "1/2").at_work():
    other = Shard(tmp_path, "2/2")
    assert other._is_at_work(1) and not other._is_at_work(2)
    other.wait(1, "training", lambda: next(answers))


def test_the_program_passes_its_part_on(tmp_path, monkeypatch, capsys):
  with Shard(tmp_path, "1/2").at_work():
    monkeypatch.setattr(spot_align, "_run", lambda root, *given: types.SimpleNamespace())
    monkeypatch.setattr(spot_align.checks, "check", lambda config: None)
    monkeypatch.setattr(spot_align.rows, "settings_digest", lambda config: "")
    assert spot_align.go({"spotting": 1}, tmp_path, "", [], "2/2") == {}
  assert "shard 2/2 has done its parts" in capsys.readouterr().out
  with pytest.raises(UserError, match="--shard 3/2 is no part"):
    spot_align.go({"spotting": 1}, tmp_path, "", [], "3/2")


def test_a_part_for_an_earlier_start_of_the_first_one_does_not_count(tmp_path):
  first, second = sharing.Shard(tmp_path, "1/2"), sharing.Shard(tmp_path, "2/2")
  with first.at_work(), second.at_work():
    second.check()
    first._begin()  # as a start after a kill does, perhaps with other settings
    with pytest.raises(UserError, match="shard 1/2 was started again"):
      second.check()
