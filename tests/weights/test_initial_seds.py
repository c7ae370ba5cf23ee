"""Where SEDS begins: CLIP in both video towers, SignBERT in the pose encoder, released files."""

import jax
import numpy as np
import pytest
from flax import traverse_util

torch = pytest.importorskip("torch")

from sign_jax.errors import UserError  # noqa: E402
from sign_jax.systems.seds import released_names as seds  # noqa: E402
from sign_jax.weights import convert  # noqa: E402
from tests.systems.seds import small as small_seds  # noqa: E402
from tests.weights import clip_files  # noqa: E402

SIZES = {
  **{f"model__video__{key}": value for key, value in clip_files.VIDEO.items()},
  **{f"model__text__{key}": value for key, value in clip_files.TEXT.items()},
  "model__embed_dim": clip_files.DIM,
}
EMBED = "signbert.embed."


@pytest.fixture(scope="module")
def variables():
  return small_seds.make_variables(small_seds.make_task(**SIZES))


def flat(tree):
  return traverse_util.flatten_dict(tree, sep="/")


def load(variables, **init):
  changes = {f"init__{name}": str(path) for name, path in init.items()}
  return flat(small_seds.make_task(**SIZES, **changes).load(variables))


@pytest.fixture(scope="module")
def signbert(variables, tmp_path_factory):
  """A file of the hands' encoder, each entry one more than in `variables`."""
  state = convert.export(variables, seds.NAMES)
  hands = {
    name.removeprefix(EMBED): torch.tensor(value + 1) for name, value in state.items()
    if name.startswith(f"{EMBED}st_gcn_hand.")
  }
  path = tmp_path_factory.mktemp("signbert") / "pretrain_signbert.pth"
  torch.save(hands, path)
  return path


def test_clip_fills_both_towers_and_signbert_the_hands(variables, signbert, tmp_path):
  model = clip_files.make()
  clip_files.plain(model, tmp_path / "clip.pt")
  before = flat(variables)
  after = load(variables, clip=tmp_path / "clip.pt", signbert=signbert)
  assert after.keys() == before.keys()
  state = {name: x.float().numpy() for name, x in model.state_dict().items()}
  for tower in ("visual", "visual_rgb"):
    block = f"params/{tower}/transformer/resblocks_1/mlp/c_fc/kernel"
    expected = state["visual.transformer.resblocks.1.mlp.c_fc.weight"].T
    np.testing.assert_array_equal(after[block], expected)
    np.testing.assert_array_equal(after[f"params/{tower}/proj"], state["visual.proj"])
  np.testing.assert_array_equal(
    after["params/textual/text_projection"], state["text_projection"]
  )
  fresh = ("conv1/kernel", "visual/positional_embedding", "visual_rgb/positional_embedding")
  for name, value in after.items():
    if "/st_gcn_hand/" in name:
      np.testing.assert_array_equal(value, before[name] + 1)
    elif "/pose_encoder/" in name or "/fuse/" in name or name.endswith(fresh):
      np.testing.assert_array_equal(value, before[name])
    else:
      assert value is not before[name], name


@pytest.mark.parametrize("streams", ["pose", "rgb"])
def test_clip_fills_the_only_tower(streams, tmp_path):
  clip_files.plain(clip_files.make(), tmp_path / "clip.pt")
  task = small_seds.make_task(**SIZES, model__streams=streams, init__clip=str(tmp_path / "clip.pt"))
  before = small_seds.make_variables(task)
  after = flat(task.load(before))
  assert after.keys() == flat(before).keys()
  tower = {"pose": "visual", "rgb": "visual_rgb"}[streams]
  assert (after[f"params/{tower}/proj"] != flat(before)[f"params/{tower}/proj"]).all()


def test_a_released_checkpoint_leaves_nothing_to_other_files(variables, signbert, tmp_path):
  state = {f"module.{k}": torch.tensor(x) for k, x in convert.export(variables, seds.NAMES).items()}
  state["module.signbert.embed.st_gcn_hand.data_bn.num_batches_tracked"] = torch.tensor(3)
  state["module.clip.logit_scale_first_softmax"] = torch.tensor(1.0)
  torch.save(state, tmp_path / "pytorch_model.bin.200")
  zeros = jax.tree.map(np.zeros_like, variables)
  after = load(zeros, model=tmp_path / "pytorch_model.bin.200")
  for name, value in flat(variables).items():
    np.testing.assert_array_equal(after[name], value)
  with pytest.raises(UserError, match="init.signbert and init.model .*nothing to SignBERT"):
    load(zeros, model=tmp_path / "pytorch_model.bin.200", signbert=signbert)
  del state["module.signbert.GCN_Conv.bn.running_mean"]
  torch.save(state, tmp_path / "b.bin")
  with pytest.raises(UserError, match=r"1 missing \(signbert.GCN_Conv.bn.running_mean\)"):
    load(zeros, model=tmp_path / "b.bin")
