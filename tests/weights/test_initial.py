import re
import sys

import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import ml_collections  # noqa: E402
import numpy as np  # noqa: E402
from flax import traverse_util  # noqa: E402

from sign_jax.errors import UserError  # noqa: E402
from sign_jax.golden import seeded  # noqa: E402
from sign_jax.run import task as run_task  # noqa: E402
from sign_jax.systems import registry  # noqa: E402
from sign_jax.systems.upret import released_names as upret  # noqa: E402
from sign_jax.weights import convert, initial, readers  # noqa: E402
from tests import cases, fakes, program  # noqa: E402
from tests.weights import clip_files  # noqa: E402

FRESH = re.compile(r"params/(visual/(conv1/kernel|positional_embedding)|\w+_(weight_fc|trans)/.+)")
SIZES = {
  f"model.{side}.{key}": value
  for side, tower in (("video", clip_files.VIDEO), ("text", clip_files.TEXT))
  for key, value in tower.items()
} | {"model.embed_dim": clip_files.DIM}
from_clip = registry.get("upret").init_files["clip"]


@pytest.fixture(scope="module")
def model():
  return clip_files.make()


@pytest.fixture(scope="module", params=clip_files.KINDS)
def path(request, model, tmp_path_factory):
  """A file of `model`, of every kind."""
  path = tmp_path_factory.mktemp("clip") / request.param
  clip_files.KINDS[request.param](model, path)
  return path


@pytest.fixture(scope="module")
def shapes():
  """Of the variables of a UPRet with towers as wide as the tiny CLIP's."""
  return cases.shapes(make_task(SIZES))


@pytest.fixture
def fresh(shapes):
  """Variables that are 7 everywhere."""
  return jax.tree.map(lambda x: np.full(x.shape, 7, x.dtype), shapes)


def flat(variables):
  return traverse_util.flatten_dict(variables, sep="/")


def test_every_kind_of_file_fills_the_towers_bit_by_bit(path, model, fresh):
  before, after = flat(fresh), flat(from_clip(fresh, path))
  assert before.keys() == after.keys()
  state = {f"clip.{name}": x.float().numpy() for name, x in model.state_dict().items()}
  found = convert.export(traverse_util.unflatten_dict(after, sep="/"), upret.NAMES)
  kept = {name for name, x in after.items() if x is before[name]}
  assert kept == {name for name in before if FRESH.fullmatch(name)}
  copied = 0
  for name, value in found.items():
    if name in state and not name.endswith(("visual.conv1.weight", "visual.positional_embedding")):
      assert value.dtype == np.float32
      np.testing.assert_array_equal(value, state[name], err_msg=name)
      copied += 1
  assert copied == len(after) - len(kept) == len(state) - 5  # fresh: 2 of the tower; 3 counters


def test_torchscript_is_read_as_torch_itself_reads_it(model, tmp_path):
  clip_files.torchscript(model, tmp_path / "a.pt")
  state = readers.read(tmp_path / "a.pt")
  expected = torch.jit.load(tmp_path / "a.pt").state_dict()
  extra = state.keys() - expected.keys()
  assert all(name.endswith("attn_mask") for name in extra)
  assert state.keys() - extra == expected.keys()
  for name, value in expected.items():
    assert state[name].dtype == value.numpy().dtype
    np.testing.assert_array_equal(state[name], value.numpy())


def test_pytorch_is_not_needed_for_its_zip_files(model, tmp_path, monkeypatch):
  clip_files.torchscript(model, tmp_path / "a.pt")
  clip_files.plain(model, tmp_path / "b.pt")
  monkeypatch.setitem(sys.modules, "torch", None)
  first, second = readers.read(tmp_path / "a.pt"), readers.read(tmp_path / "b.pt")
  assert all(np.array_equal(first[name], value) for name, value in second.items())


@pytest.mark.parametrize("hugging_face", [False, True])
def test_everything_that_does_not_fit_is_named(model, fresh, tmp_path, hugging_face):
  state = clip_files.hugging_face_state(model) if hugging_face else model.state_dict()
  lost = next(n for n in state if n.endswith(("1.mlp.fc1.bias", "1.mlp.c_fc.bias")))
  del state[lost]
  wrong = next(n for n in state if n.endswith(("ln_final.weight", "final_layer_norm.weight")))
  state[wrong] = torch.zeros(33)
  state["strange.thing"] = torch.zeros(3)
  path = tmp_path / "a.pt"
  torch.save(state, path)
  with pytest.raises(UserError) as error:
    from_clip(fresh, path)
  text = str(error.value)
  assert text.startswith(f"{path}: ") and "\n" not in text
  assert f"1 missing ({lost})" in text and "1 unexpected (strange.thing)" in text
  assert f"1 misshaped ({wrong} (33,) for" in text


def test_a_part_of_fused_attention_that_is_lost_is_named(model, fresh, tmp_path):
  state = clip_files.hugging_face_state(model)
  del state["text_model.encoder.layers.1.self_attn.k_proj.weight"]
  torch.save(state, tmp_path / "a.bin")
  with pytest.raises(UserError) as error:
    from_clip(fresh, tmp_path / "a.bin")
  assert "1 missing (text_model.encoder.layers.1.self_attn.in_proj.weight)" in str(error.value)
  assert "layers.1.self_attn.q_proj.weight" in str(error.value)


@pytest.mark.parametrize("system", ["cico", "upret"])
@pytest.mark.parametrize("name", ["pytorch_model.bin.17", "weights.safetensors"])
def test_released_checkpoints_fit_whole(system, name, tmp_path):
  facts = cases.read_facts(f"{system}_tiny")
  state = {key: torch.tensor(value) for key, value in seeded.state_dict(facts).items()}
  state |= {"dsu.0.weight": torch.zeros(3)} if system == "upret" else {}
  if name.endswith("17"):
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / name)
  else:
    pytest.importorskip("safetensors.torch").save_file(state, tmp_path / name)
  expected = cases.variables(system, facts, cases.make_task(system, facts))
  zeros = jax.tree.map(np.zeros_like, expected)
  actual = initial.from_model(zeros, tmp_path / name, registry.get(system))
  jax.tree.map(np.testing.assert_array_equal, actual, expected)
  # A model's checkpoint lacks nothing: what CLIP may leave out is missing here.
  del state["clip.visual.conv1.weight"]
  torch.save(state, tmp_path / "b.bin")
  with pytest.raises(UserError, match=r"1 missing \(clip.visual.conv1.weight\)"):
    initial.from_model(zeros, tmp_path / "b.bin", registry.get(system))


def make_task(model_settings, **init):
  config = registry.get("upret").config(None)
  config.update_from_flattened_dict(program.SMALL_MODEL | model_settings)
  config.init.update(init)
  return run_task.make(config, fakes.splits())


def test_the_configuration_names_the_file(model, tmp_path):
  clip_files.plain(model, tmp_path / "clip.pt")
  task = make_task(SIZES, clip=str(tmp_path / "clip.pt"))
  variables = jax.tree.map(
    lambda x: np.zeros(x.shape, x.dtype), jax.eval_shape(task.init, jax.random.key(0))
  )
  before, after = flat(variables), flat(task.load(variables))
  projection = model.text_projection.float().detach()
  np.testing.assert_array_equal(after["params/textual/text_projection"], projection)
  kernel = "params/visual/conv1/kernel"
  assert after[kernel] is before[kernel]
  with pytest.raises(UserError, match=r"clip.pt: the weights do not fit .+misshaped"):
    make_task({}, clip=str(tmp_path / "clip.pt")).load(
      jax.eval_shape(make_task({}).init, jax.random.key(0))
    )


def test_no_file_changes_nothing_and_two_are_a_mistake(tmp_path):
  variables = {"params": {"a": np.zeros(2)}}
  nothing = ml_collections.ConfigDict({"clip": "", "model": ""})
  assert initial.load(variables, nothing, registry.get("cico")) is variables
  with pytest.raises(UserError, match="pass only one"):
    make_task({}, clip="a.pt", model="b.pt").load(variables)
  with pytest.raises(UserError, match="there is no file"):
    make_task({}, clip=str(tmp_path / "a.pt")).load(variables)
