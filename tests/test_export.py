import contextlib
import functools
import json
import re
import shutil

import jax
import numpy as np
import pytest

from sign_jax import export
from sign_jax.errors import UserError
from sign_jax.run import task as run_task
from sign_jax.systems import registry
from sign_jax.train import optim
from sign_jax.train.checkpoint import Checkpoints
from sign_jax.weights import readers
from tests import fakes, program
from tests.systems.seds import small as small_seds

SYSTEMS = ("cico", "upret", "seds")
# What PyTorch's format is does not depend on the system.
CASES = [*((system, ".safetensors") for system in SYSTEMS), ("cico", ".pt")]


def make_task(system, **init):
  if system == "seds":
    changes = {f"init__{name}": value for name, value in init.items()}
    task = small_seds.make_task(**changes, model__fusion__heads=4)
    return task, task._config
  config = registry.get(system).config(None)
  config.update_from_flattened_dict(program.SMALL_MODEL | {"batch_size": 8})
  config.init.update(init)
  return run_task.make(config, fakes.splits()), config


def bits(x):
  """What two arrays share that are equal in all."""
  return str(x.dtype), x.shape, x.tobytes()


@functools.cache
def shapes_of(system):
  """Of a system's variables, traced once."""
  return jax.eval_shape(make_task(system)[0].init, jax.random.key(0))


def make_run(workdir, task, config, seed):
  """A workdir as the program leaves it, with seeded parameters; returns them."""
  rng = np.random.default_rng(seed)
  shapes = shapes_of(config.model.name)
  variables = jax.tree.map(lambda x: rng.standard_normal(x.shape, np.float32), shapes)
  settle = optim.settling(config.optim, task.parameter_kinds)
  variables = jax.tree.map(np.asarray, variables | {"params": jax.jit(settle)(variables["params"])})
  with contextlib.closing(Checkpoints(workdir / "checkpoints")) as checkpoints:
    checkpoints.ensure_best(7, jax.tree.map(jax.numpy.asarray, variables), {"best_step": 7})
  (workdir / "config.json").write_text(json.dumps(json.loads(config.to_json())))
  return variables


@pytest.fixture(scope="module", params=SYSTEMS)
def run(request, tmp_path_factory):
  """(system, workdir, variables) of a run."""
  workdir = tmp_path_factory.mktemp(request.param)
  return request.param, workdir, make_run(workdir, *make_task(request.param), seed=0)


@pytest.mark.parametrize(("run", "suffix"), CASES, indirect=["run"])
def test_out_and_in_again_is_bit_identical(run, tmp_path, suffix, capsys):
  if suffix == ".pt":
    pytest.importorskip("torch")
  system, workdir, variables = run
  out = tmp_path / f"weights{suffix}"
  export.main(["--workdir", str(workdir), "--out", str(out)])
  assert "of step 7 ->" in capsys.readouterr().out
  task, _ = make_task(system, model=str(out))
  loaded = task.load(jax.tree.map(np.zeros_like, variables))
  # Bit by bit, so what is written of it once more is the same file.
  assert jax.tree.map(bits, loaded) == jax.tree.map(bits, variables)


@pytest.mark.parametrize(("system", "suffix"), CASES)
def test_what_was_trained_in_float16_is_written_in_it_and_comes_back(system, suffix, tmp_path):
  if suffix == ".pt":
    pytest.importorskip("torch")
  task, config = make_task(system)
  config.optim.precision = "released_float16"
  variables = make_run(tmp_path / "run", task, config, seed=1)
  export.export(tmp_path / "run", tmp_path / f"a{suffix}")
  dtypes = {name: x.dtype for name, x in readers.read(tmp_path / f"a{suffix}").items()}
  narrow = r"clip(_rgb)?\.(visual\.)?(transformer\.resblocks\.0\.(attn|mlp)\..+|text_projection)"
  narrow = re.compile(rf"{narrow}|clip(_rgb)?\.visual\.(conv1\.weight|proj)")
  assert {name for name, dtype in dtypes.items() if dtype == np.float16} == {
      name for name in dtypes if narrow.fullmatch(name)
  }
  assert set(dtypes.values()) == {np.dtype(np.float16), np.dtype(np.float32)}
  loaded = make_task(system, model=str(tmp_path / f"a{suffix}"))[0].load(variables)
  jax.tree.map(np.testing.assert_array_equal, loaded, variables)
  assert all(x.dtype == np.float32 for x in jax.tree.leaves(loaded))


def test_names_and_shapes_are_the_released_ones(run, tmp_path):
  system, workdir, _ = run
  export.export(workdir, tmp_path / "a.safetensors")
  state = readers.read(tmp_path / "a.safetensors")
  golden = json.loads((program.ROOT / f"tests/golden/{system}_tiny.json").read_text())["params"]
  ignored = registry.get(system).ignore
  unused = {name for name, _ in golden if any(re.fullmatch(x, name) for x in ignored)}
  second_layer = {name for name, _ in golden if ".resblocks.1." in name}
  assert set(state) == {name for name, _ in golden} - unused - second_layer
  width = 12 * program.SMALL_SEDS["model.pose.width"] if system == "seds" else 1024
  assert state["clip.visual.conv1.weight"].shape == (32, width, 1, 1)
  axes = {name: len(shape) for name, shape in golden}
  assert all(value.ndim == axes[name] for name, value in state.items())


def test_needs_no_data_set_and_changes_nothing_in_the_run(run, tmp_path):
  _, workdir, _ = run
  files = lambda: {
    path: path.read_bytes() for path in (workdir / "checkpoints/best").rglob("*") if path.is_file()
  }
  before = files()
  export.export(workdir, tmp_path / "a.safetensors")
  assert files() == before
  assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def test_mistakes_are_one_sentence(run, tmp_path, capsys):
  _, workdir, _ = run
  with pytest.raises(UserError, match="holds no run"):
    export.export(tmp_path / "nothing", tmp_path / "a.pt")
  assert not (tmp_path / "nothing").exists()
  with pytest.raises(UserError, match="none of the endings"):
    export.export(workdir, tmp_path / "a.onnx")
  with pytest.raises(UserError, match="cannot be written"):
    export.export(workdir, tmp_path / "no" / "a.safetensors")
  with pytest.raises(SystemExit):
    export.main(["--workdir", str(tmp_path), "--out", "a.pt"])
  error = capsys.readouterr().err
  assert error.startswith("error: ") and error.count("\n") == 1


@pytest.mark.parametrize("content", [
    "{", "[]", '{"model": {"name": "other"}}', '{"model": "gpt2"}', '{"model": null}',
    '{"a.b": 1}',
])
def test_a_foreign_config_is_refused(tmp_path, content):
  (tmp_path / "config.json").write_text(content)
  with pytest.raises(UserError, match=str(tmp_path)):
    export.export(tmp_path, tmp_path / "a.pt")


def test_a_run_without_a_readable_checkpoint_is_refused(run, tmp_path):
  _, workdir, _ = run
  (tmp_path / "config.json").write_text((workdir / "config.json").read_text())
  with pytest.raises(UserError, match="no best checkpoint yet"):
    export.export(tmp_path, tmp_path / "a.pt")
  (tmp_path / "checkpoints/best/3").mkdir(parents=True)
  with pytest.raises(UserError, match="cannot be read"):
    export.export(tmp_path, tmp_path / "a.pt")


def test_a_damaged_best_checkpoint_is_replaced_by_the_one_before(run, tmp_path, capsys):
  _, workdir, variables = run
  folder = tmp_path / "run"
  shutil.copytree(workdir, folder)
  with contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints:
    checkpoints.ensure_best(9, jax.tree.map(jax.numpy.asarray, variables), {"best_step": 9})
  for path in (folder / "checkpoints/best/9/tree").rglob("*"):
    if path.is_file():
      path.write_bytes(b"")
  _, step = export.export(folder, tmp_path / "a.safetensors")
  assert step == 7 and "that of step 7 is taken in its place" in capsys.readouterr().err


def test_without_a_best_checkpoint_a_last_state_is_pointed_at(run, tmp_path):
  _, workdir, variables = run
  folder = tmp_path / "run"
  shutil.copytree(workdir, folder)
  with contextlib.closing(Checkpoints(folder / "checkpoints")) as checkpoints:
    checkpoints.save_last(9, jax.tree.map(jax.numpy.asarray, variables), {"best_step": 7})
  (folder / "checkpoints/best/7/record/metadata").unlink()
  with pytest.raises(UserError, match="--mode evaluate"):
    export.export(folder, tmp_path / "a.safetensors")
