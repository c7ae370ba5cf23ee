"""Builders by name."""

import importlib
import pathlib

from data_builders.attachments.scaling import UNSTATED
from data_builders.writing.dtypes import FEATURE_DTYPES
from sign_jax.data.folder import default_data_dir
from sign_jax.errors import UserError, did_you_mean
from sign_jax.files import user_path


def names():
  """The data sets that can be built: folders with a builder module, sorted."""
  root = pathlib.Path(__file__).parent
  return sorted(path.parent.name for path in root.glob("*/*_dataset_builder.py")
                if path.stem == f"{path.parent.name}_dataset_builder")


def load_builder(name, config=None, data_dir=None, manual_dir=None, on_error="stop",
                 poses=UNSTATED, splits=None, feature_dtype=FEATURE_DTYPES[0]):
  """The TFDS builder of a data set.

  Args:
    name: a name of `names()`, or "name/config".
    config: name of a builder config; None means the builder's default.
    data_dir: where prepared data sets live; None means `folder.default_data_dir()`.
    manual_dir: the user's own files, for builders that read some.
    on_error: "stop" at the first damaged video, or "skip" all damaged ones.
    poses: `scaling.Stated`, what the user says of the files of poses.
    splits: names of the splits to build, None for all.
    feature_dtype: one of `FEATURE_DTYPES`, that features are stored in.

  Raises:
    UserError: there is no such data set or config, it cannot skip, it reads no poses, or its
      features have one dtype.
  """
  builder, config = find(name, config)
  if on_error != "stop" and not builder.CAN_SKIP:
    raise UserError(f"{builder.name} leaves no video out, build it without --on_error {on_error}")
  if any(poses) and not builder.READS_POSES:
    raise UserError(f"{builder.name} reads no poses, leave --pose_size and --pose_range out")
  if feature_dtype != FEATURE_DTYPES[0] and not builder.CHOOSES_DTYPE:
    raise UserError(
      f"the features of {builder.name} are made in {FEATURE_DTYPES[0]}, leave --feature_dtype out"
    )
  return builder(data_dir=str(user_path(data_dir or default_data_dir())), config=config,
                 manual_dir=manual_dir, on_error=on_error, poses=poses, splits=splits,
                 feature_dtype=feature_dtype)


def find(name, config):
  """The builder's class, and the name of its config or None; arguments as in `load_builder`."""
  name, _, in_name = name.partition("/")
  config = config or in_name or None
  if name not in names():
    raise UserError(f"there is no data set {name!r}{did_you_mean(name, names())}: choose one of "
                    f"{', '.join(names())}")
  builder = importlib.import_module(f"data_builders.{name}.{name}_dataset_builder").Builder
  configs = [known.name for known in builder.BUILDER_CONFIGS]
  if config is not None and config not in configs:
    raise UserError(f"{name} has no config {config!r}{did_you_mean(config, configs)}: choose one "
                    f"of {', '.join(configs) or 'none, leave it out'}")
  return builder, config
