"""Every configuration trains and evaluates; what is published has the published sizes."""

import re

import jax
import numpy as np
import pytest

from configs import cico, sign_encoder, upret
from sign_jax.data.label_table import Label
from sign_jax.run import checks
from sign_jax.run import task as run_task
from sign_jax.systems import retrieval_settings
from sign_jax.systems.i3d import settings as i3d_settings
from sign_jax.train import optim
from tests import fakes, program

pytestmark = pytest.mark.usefixtures("quick_compile")

SMALL = {
    "model.embed_dim": 64,
    "model.video.width": 64, "model.video.layers": 1, "model.video.heads": 1,
    "model.text.width": 64, "model.text.layers": 1, "model.text.heads": 1,
    "batch_size": 4, "eval_batch_size": 4, "steps": 2,
    "optim.lr": 1e-3,  # the same for all, so that data sets of one shape share a program
}
PUBLISHED = ("how2sign", "phoenix14t", "csl_daily")
# Streams of the data sets, as their builders make them.
WIDTHS = {
    **{name: {"agnostic": 1024, "aware": 1024} for name in PUBLISHED},
    "signing_sim": {"agnostic": 256, "aware": 256},
    "video_folder": {"agnostic": 1024},
}


def table_rows():
  """The overrides of every row of the ablations in the text of configs/upret.py."""
  text = upret.__doc__.split("in front:")[1].split("The paper does not say")[0]
  for line in text.strip().splitlines():
    settings = re.findall(r"([a-z_.]+)=([^\s,]+(?:, [^\s,]+)*)", line)
    if any(", " in values for _, values in settings):
      ((key, values),) = settings
      axis = values.split(", ")
      yield from (f"{key}={value}" for value in axis)
    elif settings:
      yield " ".join(f"{key}={value}" for key, value in settings)
    else:  # a heading, or a row that is another test's
      assert re.search(r"^ *(table|figure)|\(default\)$|configs/cico.py$", line), line


ABLATIONS = list(table_rows())
SWITCHES = {
    "upret": [*ABLATIONS, "ot.solver=closed_form", "ot.solver=released"],
    "cico": ["token_pooling=max", "mask_padding=True", "variant=paper"],
}
# Numbers between others of their axis: their program is that of the axis's ends.
BETWEEN = {
    *(f"distribution.samples={count}" for count in (4, 6)),
    *(f"ot.weight={weight}" for weight in (0.4, 0.6, 0.8)),
}
EXECUTED = [("upret", "variant=paper dtype=bfloat16")]


def make_task(config, dataset):
  config.update_from_flattened_dict(SMALL)
  splits = fakes.splits(sentences=6, videos=9, windows=80, dims=WIDTHS[dataset])
  return run_task.make(config, splits)


def numbers_like(tree):
  """Arrays in place of parameters, without compiling their initialisation."""
  rng = np.random.default_rng(0)

  def fill(x):
    if np.issubdtype(x.dtype, np.floating) and x.shape:
      return 0.05 * rng.standard_normal(x.shape, np.float32)
    return np.zeros(x.shape, x.dtype)

  return jax.tree.map(fill, tree)


SEEN = set()


def is_new(task, batch):
  """Whether no test of this file has asked for a model of these settings on such a batch."""
  program_of = repr((task._model, {name: (x.shape, str(x.dtype)) for name, x in batch.items()}))
  is_new = program_of not in SEEN
  SEEN.add(program_of)
  return is_new


def assert_finite(numbers):
  for name, value in numbers.items():
    assert np.isfinite(value), name


def train_and_evaluate(task):
  """Two steps of plain gradient descent: what a switch changes is the loss."""
  params = numbers_like(jax.eval_shape(task.init, jax.random.key(0)))["params"]

  def step(params, batch, key):
    loss = lambda p: task.loss({"params": p}, batch, key, 0)
    (value, _), grads = jax.value_and_grad(loss, has_aux=True)(params)
    metrics = {"loss": value, "gradient_norm": optim.global_norm(grads)}
    return jax.tree.map(lambda p, g: p - 1e-3 * g, params, grads), metrics

  step, batches = jax.jit(step), task.train_batches(0)
  for number in range(2):
    batch = next(batches)
    is_new(task, batch)
    params, metrics = step(params, batch, jax.random.key(number))
    assert_finite(metrics)
    assert metrics["gradient_norm"] > 0
  assert_finite(task.evaluate({"params": params}, "test", lambda batch: batch))


def trace(task):
  """Traces the gradients of a step, which shows all but the numbers."""
  batch = next(task.train_batches(0))
  if not is_new(task, batch):
    return
  params = jax.eval_shape(task.init, jax.random.key(0))["params"]
  loss = lambda params, *given: task.loss({"params": params}, *given)
  gradients = jax.value_and_grad(loss, has_aux=True)
  (value, _), grads = jax.eval_shape(gradients, params, batch, jax.random.key(1), 0)
  assert value.shape == () and value.dtype == np.float32
  assert jax.tree.map(np.shape, grads) == jax.tree.map(np.shape, params)


@pytest.mark.parametrize("system", [cico, upret], ids=["cico", "upret"])
def test_the_default_trains_and_evaluates(system):
  train_and_evaluate(make_task(system.get_config("how2sign"), "how2sign"))


@pytest.mark.parametrize("dataset", sorted({*retrieval_settings.DATASETS} - {"how2sign"}))
@pytest.mark.parametrize("system", [cico, upret], ids=["cico", "upret"])
def test_every_data_set(system, dataset):
  trace(make_task(system.get_config(dataset), dataset))


def with_overrides(monkeypatch, system, overrides):
  args = [f"--config.model.{override}" for override in overrides.split()]
  config = program.parse(monkeypatch, "--config", f"configs/{system}.py:how2sign", *args)
  return make_task(config, "how2sign")


def test_all_rows_of_the_tables_are_found():
  assert len(ABLATIONS) == 3 + 2 + 2 + 5 + 5


@pytest.mark.parametrize(("system", "overrides"), [
    (system, overrides) for system, rows in SWITCHES.items() for overrides in rows
])
def test_every_switch_makes_a_step(system, overrides, monkeypatch):
  """`tests/systems/test_switches.py` computes what each of them changes."""
  task = with_overrides(monkeypatch, system, overrides)
  if overrides in BETWEEN:
    path, value = overrides.split("=")
    section, key = path.split(".")
    assert getattr(task._model, section)[key] == float(value)
  else:
    trace(task)


@pytest.mark.parametrize(("system", "overrides"), EXECUTED)
def test_a_switch_trains_and_evaluates(system, overrides, monkeypatch):
  train_and_evaluate(with_overrides(monkeypatch, system, overrides))


@pytest.mark.parametrize(("combine", "width"), [("cat", 2048), ("agnostic", 1024), ("aware", 1024)])
def test_ways_to_combine_the_streams(combine, width):
  config = cico.get_config("how2sign")
  config.data.combine = combine
  task = make_task(config, "how2sign")
  assert next(task.train_batches(0))["video"].shape == (4, 64, width)
  trace(task)


@pytest.mark.parametrize("dataset", PUBLISHED)
@pytest.mark.parametrize("system", [cico, upret], ids=["cico", "upret"])
def test_published_settings(system, dataset):
  config = system.get_config(dataset)
  assert (config.batch_size, config.epochs, config.steps) == (512, 200, 0)
  assert (config.optim.lr, config.optim.weight_decay) == (1e-5, 0.001)
  assert (config.optim.b1, config.optim.b2, config.optim.eps) == (0.9, 0.98, 1e-6)
  alpha = {"how2sign": 0.8, "phoenix14t": 0.9, "csl_daily": 0.8}[dataset]
  assert (config.data.alpha, config.data.combine) == (alpha, "sum")
  assert config.data.train_second == ("agnostic" if dataset == "phoenix14t" else "aware")
  assert (config.data.video_length, config.data.text_length) == (64, 32)
  if system is upret:
    assert (config.model.distribution.samples, config.model.ot.weight) == (2, 1.0)


def count(tree):
  return sum(x.size for x in jax.tree.leaves(tree))


@pytest.mark.parametrize("system", [cico, upret], ids=["cico", "upret"])
def test_full_size_is_clip_vit_b_32(system):
  config = system.get_config("how2sign")
  splits = fakes.splits(sentences=2, videos=2, windows=4)
  params = jax.eval_shape(run_task.make(config, splits).init, jax.random.key(0))["params"]
  visual, textual = params["visual"], params["textual"]
  for tower, width in ((visual, 768), (textual, 512)):
    blocks = tower["transformer"]
    assert set(blocks) == {f"resblocks_{i}" for i in range(12)}
    for block in blocks.values():
      assert block["attn"]["in_proj"]["kernel"].shape == (width, 3 * width)
      assert block["mlp"]["c_fc"]["kernel"].shape == (width, 4 * width)
  assert visual["conv1"]["kernel"].shape == (1024, 768)
  assert visual["positional_embedding"].shape == (65, 768)
  assert visual["proj"].shape == (768, 512)
  assert textual["token_embedding"]["embedding"].shape == (49408, 512)
  assert textual["positional_embedding"].shape == (77, 512)
  # CLIP ViT-B/32 has 151,277,313 parameters. Here a clip enters by 1024 numbers where a patch has
  # 3 x 32 x 32, and there are 65 positions where CLIP has 50.
  towers = count(visual) + count(textual) + count(params["logit_scale"])
  assert towers == 151_277_313 - 2048 * 768 + 15 * 768


@pytest.mark.parametrize("dataset", i3d_settings.DATASETS)
def test_corpora_are_fine_tuned_as_released(dataset):
  config = sign_encoder.get_config(dataset)
  found = (
      config.batch_size, config.epochs, config.optim.name, config.optim.lr, config.optim.schedule,
      config.optim.momentum, config.optim.weight_decay, config.data.flip, config.data.augment_per,
  )
  released = (4, 15, "sgd", 0.01, "constant", 0.9, 0.0, True, "batch")
  assert (found == released) == (dataset in PUBLISHED)
  if dataset == "video_folder":
    assert found == (32, 10, "sgd", 0.01, "warmup_cosine", 0.9, 0.0, False, "window")


@pytest.mark.parametrize("dataset", i3d_settings.DATASETS)
def test_every_setting_of_the_sign_encoder(dataset, tmp_path):
  """Traced at full size; `tests/tasks/test_isolated.py` executes a small one."""
  config = sign_encoder.get_config(dataset)
  checks.check(config)
  config.data.videos = str(tmp_path)
  labels = [Label("a", 0, 1, number) for number in range(300)]
  task = run_task.make(config, dict.fromkeys(("train", "validation", "test"), labels))
  size, width = (64, 0.25) if dataset == "signing_sim" else (224, 1.0)
  variables = jax.eval_shape(task.init, jax.random.key(0))
  kernel = variables["params"]["logits"]["conv3d"]["kernel"]
  assert kernel.shape == (1024 * width, 300)
  batch = {
      "video": jax.ShapeDtypeStruct((config.batch_size, 16, size, size, 3), np.uint8),
      "label": jax.ShapeDtypeStruct((config.batch_size,), np.int32),
  }
  if is_new(task, batch):
    loss, (_, updates) = jax.eval_shape(task.loss, variables, batch, jax.random.key(1), 0)
    assert loss.shape == () and set(updates) == {"batch_stats"}
  optim.from_config(config.optim, 10)
  name = "adam" if dataset == "signing_sim" else "sgd"
  assert (config.optim.name, config.optim.momentum) == (name, 0.9)
  assert config.data.jitter == 0.2 and config.data.scale == 0.1
