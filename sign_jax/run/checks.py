"""A configuration, checked in one place before anything is read or built from it."""

from sign_jax.data import streams
from sign_jax.errors import UserError, did_you_mean, shown
from sign_jax.modules.clip import CONTEXT
from sign_jax.run import config_paths, settings
from sign_jax.systems import base, registry
from sign_jax.tasks import continuous, isolated, retrieval
from sign_jax.train import optim, schedules

TASKS = {
    "retrieval": retrieval.Retrieval, "recognition": isolated.Recognition,
    "continuous": continuous.Continuous,
}
# Of every system; a system's card has its own.
LIMITS = base.Limits(
    positive=(
        "batch_size", "eval_batch_size", "eval_every", "log_every", "mesh.fsdp", "mesh.tensor",
        "data.video_length", "data.size", "data.size_stored", "data.frames",
        "model.embed_dim", "model.temperature",
        "model.video.width", "model.video.layers", "model.video.heads",
        "model.text.width", "model.text.layers", "model.text.heads",
        "optim.clip_norm", "optim.eps", "optim.released_gpus",
    ),
    not_negative=(
        "seed", "steps", "epochs", "data.num_workers", "data.reader_timeout", "data.cache_gib",
        "data.margin", "optim.lr", "optim.warmup", "optim.weight_decay", "model.max_elements",
    ),
    probabilities=(
        "data.swap_probability", "data.synonym_probability", "data.deletion_probability",
        "data.scale", "data.jitter", "optim.momentum",
    ),
    below_one=("optim.b1", "optim.b2"),
)
SHORTEST_TEXT = 3  # start, a word, end


def check(config):
  """Checks a whole configuration.

  Args:
    config: ml_collections.ConfigDict.

  Returns:
    The card of its system, a `systems.base.System`.

  Raises:
    UserError: on the first setting that cannot work.
  """
  if config.task not in TASKS:
    raise UserError(f"task={shown(config.task)} is not one of {', '.join(TASKS)}")
  system = registry.get(config.model.name)
  if system.task != config.task:
    raise UserError(f"task={config.task} is not what {system.name} is for: use {system.task}")
  values = settings.flat(config.to_dict())
  _check_none(values, system)
  decided = {"model": base.resolve(system, config.model).to_dict()}
  values |= settings.flat(decided)
  for limits in (LIMITS, system.limits):
    _check_numbers(values, limits)
  if not values["steps"] and not values["epochs"]:
    raise UserError("there is nothing to train: set --config.epochs or --config.steps above 0")
  choices = {
      **TASKS[config.task].CHOICES,
      "optim.name": tuple(optim.OPTIMIZERS), "optim.schedule": tuple(schedules.SCHEDULES),
      "optim.precision": optim.PRECISIONS,
  }
  for key in (key for key in choices if key in values):
    _check_choice(key, values[key], choices[key])
  if "data.combine" in values:
    streams.parse(values["data.combine"])
  _check_text_length(values)
  _check_heads(values)
  optim.check(config.optim, system.parameter_kinds, system.name)
  system.check(values)
  return system


def check_training(config, is_new):
  """Checks what only training asks for, before data are read.

  Args:
    config: ml_collections.ConfigDict.
    is_new: whether the run begins, and does not go on.

  Raises:
    UserError: as `check`, or on a run or weights that it cannot begin with or follow.
  """
  system = check(config)
  if is_new:
    system.check_beginning(config)
  system.check_classes(config, None)


def _check_none(values, system):
  """Raises UserError where a value is None that is none in the system's own configuration."""
  known = settings.flat(system.config(None).to_dict()) if system.config else {}
  for key, value in values.items():
    if value is None and known.get(key) is not None and not config_paths.is_path(key):
      raise UserError(f"{key}=None: give it a value, such as {known[key]}")


def _check_numbers(values, limits):
  """Of {dotted name: value}; names that are missing or None are not checked."""
  rules = (
      (limits.positive, lambda x: x > 0, "must be greater than 0"),
      (limits.not_negative, lambda x: x >= 0, "must not be negative"),
      (limits.probabilities, lambda x: 0 <= x <= 1, "is not between 0 and 1"),
      (limits.below_one, lambda x: 0 <= x < 1, "is not at least 0 and below 1"),
  )
  for keys, fits, fault in rules:
    for key in keys:
      value = values.get(key)
      if value is not None and not fits(value):
        raise UserError(f"{key}={value} {fault}")


def _check_choice(key, value, choices):
  if value not in choices:
    raise UserError(
        f"{key}={shown(value)} is not one of {', '.join(map(str, choices))}"
        + did_you_mean(str(value)[:80], tuple(map(str, choices)))
    )


def _check_text_length(values):
  length = values.get("data.text_length", SHORTEST_TEXT)
  if not SHORTEST_TEXT <= length <= CONTEXT:
    raise UserError(f"data.text_length={length} is not between {SHORTEST_TEXT} and {CONTEXT}")


def _check_heads(values):
  for tower in ("model.video", "model.text"):
    width, heads = values.get(f"{tower}.width", 0), values.get(f"{tower}.heads", 1)
    if width % heads:
      raise UserError(f"{tower}.width={width} does not divide among {tower}.heads={heads}")
