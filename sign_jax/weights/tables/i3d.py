"""I3D: names of the PyTorch port -> names of `sign_jax.modules.i3d`."""

from sign_jax.errors import UserError
from sign_jax.modules import i3d
from sign_jax.weights import convert, readers
from sign_jax.weights.convert import Rule

TABLE = (
  Rule("logits.conv3d.weight", "params/logits/conv3d/kernel", convert.POINTWISE_3D),
  Rule("logits.conv3d.bias", "params/logits/conv3d/bias"),
  Rule("{path}.conv3d.weight", "params/{path}/conv3d/kernel", convert.CONV),
  Rule("{path}.bn.weight", "params/{path}/bn/scale"),
  Rule("{path}.bn.bias", "params/{path}/bn/bias"),
  Rule("{path}.bn.running_mean", "batch_stats/{path}/bn/mean"),
  Rule("{path}.bn.running_var", "batch_stats/{path}/bn/var"),
)

# Counters of PyTorch's BatchNorm, which a fixed momentum does not use.
IGNORE = (r".+\.num_batches_tracked",)


def load(path):
  """Reads a file of PyTorch I3D weights, with as many classes as it has.

  Args:
    path: a file that `readers.read` can read.

  Returns:
    (`i3d.I3D`, its variables {"params": ..., "batch_stats": ...} as numpy arrays).

  Raises:
    UserError: the file cannot be read, or holds the weights of something else.
  """
  state = readers.read(path)
  classifier = state.get("logits.conv3d.weight")
  if classifier is None or classifier.ndim != 5:
    raise UserError(
      f"{path} holds no I3D weights (no logits.conv3d.weight with 5 axes among its "
      f"{len(state)} entries), pass the file of an I3D sign encoder"
    )
  model = i3d.I3D(num_classes=classifier.shape[0])
  return model, convert.merge(i3d.init_shapes(model), state, TABLE, IGNORE)
