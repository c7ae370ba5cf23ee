"""Numbers that a configuration may hold, checked before they fail somewhere deep inside."""

from sign_jax.data.pose import WINDOW
from sign_jax.errors import UserError
from sign_jax.modules.clip import CONTEXT
from sign_jax.systems.upret.model import HEAD_WIDTH

POSITIVE = (
    "batch_size", "eval_batch_size", "eval_every", "log_every", "mesh.fsdp", "mesh.tensor",
    "data.video_length", "model.embed_dim", "model.temperature",
    "model.video.width", "model.video.layers", "model.video.heads",
    "model.text.width", "model.text.layers", "model.text.heads",
    "model.distribution.samples", "model.ot.epsilon", "model.ot.iterations",
    "data.size", "model.width", "model.pose.width", "model.fusion.heads",
    "optim.clip_norm", "optim.eps",
)
NOT_NEGATIVE = (
    "seed", "steps", "epochs", "data.num_workers", "data.reader_timeout", "data.cache_gib",
    "optim.lr", "optim.warmup",
    "optim.weight_decay", "optim.groups.pose.lr", "optim.groups.fusion.lr",
    "model.max_elements", "model.num_classes", "model.pose.max_windows", "model.beta",
)
PROBABILITIES = (
    "data.swap_probability", "data.synonym_probability", "data.deletion_probability",
    "data.scale", "data.jitter", "model.dropout", "model.distribution.dropout", "optim.momentum",
    "model.pose.dropout", "model.pose.head_dropout", "model.fusion.dropout",
)
BELOW_ONE = ("optim.b1", "optim.b2")
SHORTEST_TEXT = 3  # start, a word, end


def check(values):
  """Checks the numbers of a configuration.

  Args:
    values: {dotted name: value}; names that are missing are not checked.

  Raises:
    UserError: on the first number that cannot work.
  """
  for key in POSITIVE:
    if values.get(key, 1) <= 0:
      raise UserError(f"{key}={values[key]} must be greater than 0")
  for key in NOT_NEGATIVE:
    if values.get(key, 0) < 0:
      raise UserError(f"{key}={values[key]} must not be negative")
  for key in PROBABILITIES:
    if not 0 <= values.get(key, 0) <= 1:
      raise UserError(f"{key}={values[key]} is not between 0 and 1")
  for key in BELOW_ONE:
    if not 0 <= values.get(key, 0) < 1:
      raise UserError(f"{key}={values[key]} is not at least 0 and below 1")
  if not values.get("steps") and not values.get("epochs"):
    raise UserError("there is nothing to train: set --config.epochs or --config.steps above 0")
  _check_text_length(values)
  _check_heads(values)
  _check_pictures(values)
  _check_fusion(values)


def _check_text_length(values):
  length = values.get("data.text_length", SHORTEST_TEXT)
  if not SHORTEST_TEXT <= length <= CONTEXT:
    raise UserError(f"data.text_length={length} is not between {SHORTEST_TEXT} and {CONTEXT}")


def _check_heads(values):
  for tower in ("model.video", "model.text"):
    width, heads = values.get(f"{tower}.width", 0), values.get(f"{tower}.heads", 1)
    if width % heads:
      raise UserError(f"{tower}.width={width} does not divide among {tower}.heads={heads}")
  width = values.get("model.embed_dim", 0)
  # Halves of the width have as many heads where the split comes before the attention.
  if "model.distribution.samples" in values and width % (2 * max(1, width // HEAD_WIDTH)):
    raise UserError(
        f"model.embed_dim={width} does not divide among the heads of the distribution modules: "
        f"use a multiple of {HEAD_WIDTH}"
    )


def _check_pictures(values):
  """Of poses; (0, 0) leaves the size to the data set."""
  size = values.get("data.image_size", (0, 0))
  is_size = len(size) == 2 and all(isinstance(x, int | float) for x in size)
  if not is_size or not (min(size) > 0 or tuple(size) == (0, 0)):
    raise UserError(
        f"data.image_size={tuple(size)} is no size: pass the width and height of the pictures "
        "that the poses were estimated on, or (0, 0) to take what the data set states"
    )
  frames = values.get("data.max_frames", WINDOW)
  if frames < WINDOW:
    raise UserError(f"data.max_frames={frames} must be at least {WINDOW}, the frames of a window")


def _check_fusion(values):
  keys, heads = values.get("model.fusion.keys", (1,)), values.get("model.fusion.heads", 1)
  if not keys or not all(type(x) is int and x >= 1 for x in keys):
    raise UserError(f"model.fusion.keys={tuple(keys)} must name a number of keys for every layer")
  width = values.get("model.embed_dim", 0)
  if "model.fusion.heads" in values and (width % heads or width % 2):
    raise UserError(
        f"model.embed_dim={width} must be even and divide among model.fusion.heads={heads}"
    )
  if (values.get("model.alpha") or 0) < 0:
    raise UserError(f"model.alpha={values['model.alpha']} must not be negative")
