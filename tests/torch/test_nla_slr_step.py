"""Whole training steps of NLA-SLR's network against PyTorch, in float64 but for the losses."""

import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402

from sign_jax.modules import s3d  # noqa: E402
from sign_jax.systems import registry  # noqa: E402
from sign_jax.systems.nla_slr import model as vknet  # noqa: E402
from sign_jax.systems.nla_slr import released_names as table  # noqa: E402
from sign_jax.train import optim  # noqa: E402
from sign_jax.weights import convert  # noqa: E402
from tests.reference import nla_slr as reference  # noqa: E402
from tests.torch.test_i3d import theirs_of, unsettle  # noqa: E402
from tests.torch.test_nla_slr import draw, state_of, wide  # noqa: E402, F401

WIDTH, CLASSES, EMBEDDING, BATCH = 1 / 8, 5, 6, 3
RATE = 1e-3
NAMES = {("rgb", "high"): "video_long", ("rgb", "low"): "video_short",
         ("pose", "high"): "keypoint_long", ("pose", "low"): "keypoint_short"}  # fmt: skip


def inputs():
  """{(modality, length): (B, T, H, W, C)}; maps are odd behind some of the strides."""
  sizes = {"rgb": (34, 3), "pose": (17, 63)}
  frames = {"high": 16, "low": 8}
  return {
      (modality, length): draw(len(length), BATCH, frames[length], size, size, channels)
      for modality, (size, channels) in sizes.items() for length in frames
  }


def theirs_after(module, clips, embeddings, labels, share, epochs):
  """(losses, the module's parameters and statistics after steps, an epoch each)."""
  optimizer = torch.optim.Adam(module.parameters(), RATE, (0.9, 0.998), weight_decay=1e-3)
  tensors = {key: theirs_of(x) for key, x in clips.items()}
  numbers = torch.from_numpy(labels)
  losses = []
  for epoch in range(epochs):
    module.zero_grad()
    loss = reference.loss_of(
        module, tensors, torch.from_numpy(embeddings), numbers, numbers.flip(0), share, epoch, 4
    )
    loss.backward()
    optimizer.step()
    reference.pull(module, epoch, 4)
    losses.append(loss.item())
  return losses, state_of(module)


def test_training_steps_of_the_whole_network(without_type_checks):
  """Batch statistics, all losses, Adam with its decay, the pull: parameters after two updates.

  The two are in different epochs, so that the weight of the mixup and the pull differ. Of depth
  "small", and with the parameters as one vector for Adam: all else compiles for long.
  """
  module = reference.NLASLR(CLASSES, EMBEDDING, WIDTH, s3d.DEPTHS["small"]).train()
  unsettle(module)
  model = vknet.VKNet(CLASSES, EMBEDDING, width=WIDTH, dtype=jnp.float64, depth="small")
  variables = convert.merge(
      vknet.init_shapes(model), state_of(module), table.NAMES, table.IGNORE
  )
  # As the step returns them: of other dtypes, its second call would compile another program.
  variables = jax.tree.map(np.float64, variables)
  clips, embeddings = inputs(), draw(7, CLASSES, EMBEDDING)
  labels, share, epochs = np.array([1, 4, 0]), 0.3, 2
  expected, state = theirs_after(module, clips, embeddings, labels, share, epochs)

  system = registry.get("nla_slr")
  config = system.config("wlasl")
  config.update({"optim": {"schedule": "constant", "lr": RATE, "flat": True}})
  optimizer, _ = optim.from_config(config.optim, epochs)
  targets = {"label": labels, "other": labels[::-1], "share": jnp.float64(share)}
  resident, recognizer = {"embeddings": embeddings}, system.recognizer

  @jax.jit
  def step(variables, state, progress):
    def total(params):
      out, updates = model.apply(
          {**variables, "params": params}, {NAMES[key]: x for key, x in clips.items()}, train=True,
          mutable=["batch_stats"], **resident,
      )
      return recognizer.loss(config, out, targets, resident, progress)[0], updates

    (loss, updates), grads = jax.value_and_grad(total, has_aux=True)(variables["params"])
    moves, state = optimizer.update(grads, state, variables["params"])
    params = jax.tree.map(jnp.add, variables["params"], moves)
    return loss, {"params": recognizer.constrain(params, progress, config), **updates}, state

  adam, losses = optimizer.init(variables["params"]), []
  for epoch in range(epochs):
    loss, variables, adam = step(variables, adam, jnp.float64(epoch / 4))
    losses.append(float(loss))
  np.testing.assert_allclose(losses, expected, rtol=1e-6)  # they are float32
  ours = convert.export(variables, table.NAMES)
  assert len(ours) == sum("num_batches" not in name for name in state)
  for name, value in ours.items():
    error = np.abs(value - state[name])
    # Adam divides by the gradient's own size, and of the smallest ones float32 losses leave little.
    assert error.mean() < 1e-3 * RATE and error.max() < 0.1 * RATE, f"{name}: {error.max()}"
