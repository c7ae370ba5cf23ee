"""What several tests share: a small data set, a finished run, compiled programs."""

import fcntl
import os
import shutil
import signal

from tests import cores

cores.keep_to_one()  # before NumPy and JAX count them

import jax  # noqa: E402
import jaxtyping  # noqa: E402
import pytest  # noqa: E402

from tests import typing_hook  # noqa: E402

typing_hook.install()  # it sees what is imported later

from data_builders import build  # noqa: E402
from sign_jax.run import compile_cache, host_memory  # noqa: E402
from sign_jax.systems import registry  # noqa: E402
from tests import forked, needs_torch, order, program  # noqa: E402

# Arrays of unlike ranks meet by mistake more often than on purpose.
jax.config.update("jax_numpy_rank_promotion", "raise")
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"  # for the programs that tests start
# No test reads the lines of Python in compiled programs: leaving them out saves a twentieth.
jax.config.update("jax_traceback_in_locations_limit", 0)
os.environ["JAX_TRACEBACK_IN_LOCATIONS_LIMIT"] = "0"


def pytest_configure(config):
  """Prepares what the programs that tests start inherit: flags of XLA, and the sense of SIGINT."""
  # Before XLA reads its flags. The first, where XLA has both, halves the time of compilation; the
  # other saves a tenth: cutting programs into parts helps where cores are idle, and here none is.
  if not hasattr(config, "workerinput"):  # the processes of pytest-xdist inherit them
    program.add_xla_flags(
        "--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"
    )
  # A shell starts background commands with SIGINT ignored, and programs that tests interrupt would
  # then never end.
  if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
  host_memory.keep_freed()  # as the programs do that some tests run in this process


def pytest_ignore_collect(collection_path, config):
  """Leaves the files unread, whose imports take a while, of which `-m torch` runs nothing."""
  if config.option.markexpr == "torch" and needs_torch.is_without(collection_path):
    return True
  return None


def pytest_collection_modifyitems(items):
  """Orders the files, and marks the tests that need PyTorch.

  `-m torch` runs those that are skipped without it.
  """
  items.sort(key=lambda item: order.rank(item.path))
  for item in items:
    need = needs_torch.of(item.path)
    if need.whole or item.originalname in need.names:
      item.add_marker("torch")


def pytest_collection_finish():
  """Leaves the collector of garbage what the tests make."""
  forked.spare_collector()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
  """Fails a test that is skipped for want of PyTorch and is not among those."""
  report = yield
  is_ours = item.get_closest_marker("torch") is not None
  if report.skipped and not is_ours and needs_torch.is_reason(str(report.longrepr)):
    report.outcome = "failed"
    report.longrepr = f"{item.nodeid} needs PyTorch, and tests/needs_torch.py does not see it"
  return report


@pytest.fixture
def without_type_checks(monkeypatch):
  """For what a function itself says of arguments that its annotations do not describe."""
  monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(autouse=True, scope="module")
def own_systems():
  """Systems that a file's tests register are unknown to the next file of the same process."""
  before = dict(registry._registered)
  yield
  registry._registered.clear()
  registry._registered.update(before)


@pytest.fixture(scope="session")
def once(tmp_path_factory):
  """once(name, make) -> a folder that `make(folder)` fills, in the first process that asks."""
  root = tmp_path_factory.getbasetemp()
  root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

  def folder_of(name, make):
    folder, note = root / f"once_{name}", root / f"once_{name}.done"
    with (root / f"once_{name}.lock").open("w") as lock:
      fcntl.flock(lock, fcntl.LOCK_EX)
      if not note.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        make(folder)
        note.touch()
    return folder

  return folder_of


@pytest.fixture(scope="session")
def data_dir(once):
  """A folder of data sets that holds signing_sim/tiny."""
  return once("data", lambda folder: build.prepare("signing_sim/tiny", data_dir=str(folder)))


@pytest.fixture(scope="session")
def signs_dir(once):
  """A folder of data sets that holds signing_sim/frames_tiny, whose signs are isolated."""
  prepare = lambda folder: build.prepare("signing_sim/frames_tiny", data_dir=str(folder))
  return once("signs", prepare)


@pytest.fixture(scope="session")
def sentences_dir(once):
  """A folder of data sets that holds signing_sim/continuous_tiny: frames, keypoints and flow."""
  prepare = lambda folder: build.prepare("signing_sim/continuous_tiny", data_dir=str(folder))
  return once("sentences", prepare)


@pytest.fixture(scope="session")
def cache_dir(pytestconfig):
  """The folder of compiled programs, kept for the next time these tests run."""
  return pytestconfig.cache.mkdir("xla")


@pytest.fixture(autouse=True, scope="session")
def no_user_cache(cache_dir):
  """Keeps programs that tests start away from the user's own folder of compiled programs."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setenv("JAX_COMPILATION_CACHE_DIR", str(cache_dir))
    patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    yield


@pytest.fixture(autouse=True, scope="session")
def quick_compile(no_user_cache):
  """Compiles without optimising, and only what the cache does not hold: most of what tests take."""
  compile_cache.enable()
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
  jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="module")
def full_compile(quick_compile):
  """Optimises as outside the tests."""
  jax.config.update("jax_disable_most_optimizations", False)
  jax.clear_caches()
  yield
  jax.config.update("jax_disable_most_optimizations", True)
  jax.clear_caches()


@pytest.fixture(scope="session")
def finished(once, data_dir):
  """(workdir, stdout) of a whole run of the program; not to be written to."""

  def run(folder):
    args = program.arguments(folder / "run", data_dir)
    status, out, error = program.train(args, fresh=True)
    assert status == 0, error
    (folder / "out.txt").write_text(out)

  folder = once("finished", run)
  return folder / "run", (folder / "out.txt").read_text()


@pytest.fixture
def copy(finished, tmp_path):
  """A copy of the finished run that may be changed."""
  return shutil.copytree(finished[0], tmp_path / "run")
