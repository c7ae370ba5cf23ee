"""SignVTCL's settings; `configs/signvtcl.py` says what they are for."""

from collections.abc import Mapping
from typing import Any

import ml_collections
from ml_collections import ConfigDict
from ml_collections.config_dict import placeholder

from sign_jax.data import gloss_batches, gloss_cleaning
from sign_jax.errors import UserError, did_you_mean
from sign_jax.modules import s3d
from sign_jax.systems import base, options
from sign_jax.systems.recognition_settings import recognition_config
from sign_jax.systems.signvtcl import streams as names
from sign_jax.systems.signvtcl.gloss_text import TEXT

# "paper" is SignVTCL; "base" is TwoStream-SLR as released, which it builds on.
VARIANTS = {
    "paper": {
        "streams": "video+keypoint+flow", "fusion.kind": "mlp", "spn.weight": 0.0, "distil": 0.0,
        "align.gloss": 1.0, "align.sentence": 1.0,
    },
    "base": {
        "streams": "video+keypoint", "fusion.kind": "lateral", "spn.weight": 1.0, "distil": 1.0,
        "align.gloss": 0.0, "align.sentence": 0.0,
    },
}


def model_section(variant: str = "paper") -> ConfigDict:
  """The `model` section with all defaults; None is what the variant decides.

  Args:
    variant: of VARIANTS.
  """
  # A placeholder is shared by all that hold it, so that each section needs its own.
  return ml_collections.ConfigDict({
      "name": "signvtcl",
      "variant": variant,
      "dtype": "auto",  # of the streams: bfloat16 on accelerators, float32 on CPUs
      "streams": placeholder(str),  # some of "video", "keypoint", "flow", with + between them
      "width": 1.0,  # multiplies the channels of the streams
      "depth": "full",  # or "small", which has three of the nine Inception blocks
      "num_classes": 0,  # 0: as many as the training sentences have glosses, and the blank
      "freeze_blocks": 0,  # of the video's stream, from the first on: they stay as they begin
      "heatmap_canvas": (256, 256),  # height and width of what keypoints are drawn on, pixels
      "heatmap_sigma": 8.0,  # of their Gaussians, pixels of it
      "norm_momentum": 1e-3,  # share of a batch in the running statistics of the streams' BatchNorm
      "fusion": {
          "kind": placeholder(str),  # "mlp", "attention", "convolution", or "lateral"
          "stages": 3,  # blocks behind which maps are exchanged, from the first on; 0: none
          "mlp_depth": 2,  # linear maps; or 3, the other reading of the paper's "two hidden layers"
      },
      "spn": {"weight": placeholder(float)},  # of the pyramids' losses; 0: there are none
      "distil": placeholder(float),  # weight of the heads' divergence from their mean
      "head": {"hidden": 512, "feedforward": 2048, "dropout": 0.1},
      "ctc": 1.0,  # weight of the CTC losses
      "align": {
          "gloss": placeholder(float),  # weights of the two losses between videos and texts
          "sentence": placeholder(float),
          "source": "online",  # whose path is followed: one's own, or a "teacher"'s
          "row": "sum",  # or "mean" of the positives in a row
          "normalize": False,  # compares glosses by their cosine
          "temperature": 1.0,
          "sentence_kind": "channels",  # or "batch", between all sentences of a batch
          "detach_text": False,  # in the loss of sentences
          "shared": 512,  # channels of the space that both are compared in
          "adapter": 512,  # channels inside the adapters
      },
  })


def streams_of(model: ConfigDict) -> tuple[str, ...]:
  """The streams of a decided `model` section, in the order of `streams.STREAMS`.

  Raises:
    UserError: one that there is not, or twice; connections of other streams than they are for.
  """
  wanted = model.streams.split("+")
  for name in wanted:
    if name not in names.STREAMS:
      raise UserError(
          f"model.streams={model.streams} names {name!r}, which is not one of "
          f"{', '.join(names.STREAMS)}{did_you_mean(name, names.STREAMS)}"
      )
  if len(set(wanted)) < len(wanted):
    raise UserError(f"model.streams={model.streams} names a stream twice: name each once")
  found = tuple(name for name in names.STREAMS if name in wanted)
  if model.fusion.kind == "lateral" and len(found) > 1 and found != names.BASE:
    raise UserError(
        f"model.fusion.kind=lateral connects {' and '.join(names.BASE)}, and model.streams is "
        f"{model.streams}: choose another kind"
    )
  return found


def joint_of(model: ConfigDict) -> tuple[str, ...]:
  """The streams in the order in which the joint head reads them: reversed as released."""
  found = streams_of(model)
  return found[::-1] if model.variant == "base" else found


def is_aligned(model: ConfigDict) -> bool:
  """Whether a decided `model` section has a loss between videos and texts."""
  return model.align.gloss > 0 or model.align.sentence > 0


def follows_teacher(model: ConfigDict) -> bool:
  """Whether the loss of glosses of a `model` section follows the path of a teacher."""
  align = decided(model).align
  return align.gloss > 0 and align.source == "teacher"


def decided(model: ConfigDict) -> ConfigDict:
  """A checked `model` section with what its variant says in place of None."""
  return base.filled(model, VARIANTS[model.variant])


def frozen(config: ConfigDict) -> tuple[str, ...]:
  """Regular expressions of the parameters that training leaves as they are."""
  blocks = config.model.freeze_blocks
  layers = range(s3d.ENDS[blocks - 1] + 1) if blocks else ()
  return tuple(f"^video/base_{layer}/" for layer in layers)


def still(config: ConfigDict) -> tuple[str, ...]:
  """Of the modules that normalise in training as in evaluation, by statistics that do not move.

  Those that are frozen, of a stream alone. The released network of two streams leaves the
  parameters alone, and normalises by each batch.
  """
  return frozen(config) if len(streams_of(decided(config.model))) == 1 else ()


def check_filled(config: ConfigDict) -> None:
  """Raises UserError where a run would freeze blocks as they are drawn."""
  streams, init = streams_of(decided(config.model)), config.init
  blocks = config.model.freeze_blocks
  if blocks and "video" in streams and not (init.video or init.model):
    raise UserError(
        f"model.freeze_blocks={blocks} would leave the first blocks of the video's stream as they "
        "are drawn: pass --config.init.video, such as an S3D that was trained on Kinetics-400, or "
        "--config.model.freeze_blocks=0"
    )


def map_size(config: ConfigDict) -> int:
  """Pixels of the heatmaps' sides."""
  size, is_lateral = config.data.size, decided(config.model).fusion.kind == "lateral"
  return config.data.heatmap_size or (-(-size // 2) if is_lateral else size)


DATA = {
    "name": "",
    "data_dir": "",  # empty: $TFDS_DATA_DIR or ~/tensorflow_datasets
    "videos": "",  # folder that the records' paths begin in
    "flow": "",  # the same for pictures of flow; empty: that of the videos
    "buckets": (104, 152, 200, 256, 328, 400),  # frames that batches may have
    "stretch": (0.5, 1.5),  # frames that training takes of a video, as shares of it
    "pool": 1,  # batches among whose videos those of like length stand together; 1: all by chance
    "size_stored": 224,  # of the pictures, as they are read
    "centre": 1.0,  # share of their sides that is kept, around the middle
    "size": 224,  # of the pictures that the network reads
    "heatmap_size": 0,  # of the maps; 0: that of the pictures, or half where connections need that
    "least_area": 0.7,  # of the picture, that a training crop keeps; 1: no crop
    "jitter": 0.3,  # probability that the colours of a training video are changed
    # Whose rules clean up sentences before words are compared; with "_official" behind it the
    # hypotheses alone, as the corpus's own script does; empty: nobody's.
    "clean": "",
    "cache_gib": 2.0,  # host memory for decoded videos
    "num_workers": 0,
    "reader_timeout": 300.0,  # seconds that a batch may take; 0: any number
}
DECODE = {
    "width": 5,  # of the beam
    "search": "standard",  # or "tensorflow", which the released program uses
    "merge_repeated": False,  # says no gloss twice in a row, as released
}
INIT = {
    "model": "",  # file of a whole model's weights
    "glosses": "",  # file that says which of its classes is which gloss; empty: sorted, as in a run
    "video": "", "keypoint": "", "flow": "",  # a run's folder or a file of weights, of a stream
    "teacher": "",  # folder of the run whose paths are followed
}
OPTIM = {
    "name": "adam_l2", "lr": 1e-3, "b1": 0.9, "b2": 0.998, "eps": 1e-8, "weight_decay": 1e-3,
    "schedule": "cosine_ahead", "warmup": 0.0,
    "flat": False,  # sees all parameters as one vector, for many small ones on one device
}
# Small, for two CPU cores and some minutes; docs/signvtcl.md says what was measured.
SIMULATOR = {
    "data.name": "signing_sim/continuous", "data.size_stored": 48, "data.size": 16,
    "data.buckets": (80, 120), "data.pool": 16, "data.least_area": 1.0, "data.jitter": 0.0,
    "data.stretch": (0.9, 1.1),
    "model.width": 0.25, "model.depth": "small", "model.norm_momentum": 0.1,
    "model.heatmap_canvas": (48, 48), "model.heatmap_sigma": 3.0,
    "model.head.hidden": 256, "model.head.feedforward": 512,
    "model.align.shared": 64, "model.align.adapter": 64,
    "optim.lr": 3e-3, "optim.b1": 0.5, "optim.b2": 0.98, "optim.weight_decay": 1e-4,
    "optim.flat": True, "optim.schedule": "cosine",
    "batch_size": 4, "epochs": 9, "eval_every": 672, "eval_batch_size": 16, "quick_compile": True,
}
_RELEASED = {
    "model.freeze_blocks": 1, "model.align.source": "teacher", "text.encoder": "mbart",
}
OVERRIDES = {
    "signing_sim": SIMULATOR,
    "phoenix14": {
        **_RELEASED, "data.name": "phoenix14", "data.clean": "phoenix14", "eval_every": 709,
        "model.heatmap_canvas": (260, 210),
    },
    "phoenix14t": {
        **_RELEASED, "data.name": "phoenix14t/continuous_official", "data.clean": "phoenix14t",
        "eval_every": 887, "model.heatmap_canvas": (260, 210),
    },
    "csl_daily": {
        **_RELEASED, "data.name": "csl_daily/continuous_official", "eval_every": 2300,
        "data.size_stored": 320, "data.centre": 270 / 320, "model.heatmap_canvas": (170, 170),
        "text.language": "zh_CN",
    },
}
DATASETS = tuple(OVERRIDES)


def config(dataset: str | None = None) -> ConfigDict:
  """The whole configuration for a data set, one of DATASETS; None is signing_sim.

  Raises:
    UserError: on another data set.
  """
  dataset = options.known_dataset(dataset or "signing_sim", DATASETS)
  model = model_section()
  del model.dtype, model.name
  found = recognition_config(
      "signvtcl", f"signvtcl on {dataset}", {}, data=DATA, init=INIT, optim=OPTIM
  )
  found.model.update(model)
  found.task = "continuous"
  found.batch_size, found.eval_batch_size, found.epochs = 8, 8, 40
  found.accumulate = 1  # parts of a batch that are computed one after the other, to save memory
  found.decode, found.text = DECODE, TEXT
  found.optim.stairs = found.get_ref("epochs")  # the rate changes after each epoch, as released
  found.update_from_flattened_dict(OVERRIDES[dataset])
  return found


def check(values: Mapping[str, Any]) -> None:
  """Checks settings that belong together.

  Args:
    values: {dotted name: value}, the whole configuration, every switch decided.

  Raises:
    UserError: on those that cannot work.
  """
  streams = values["model.streams"].split("+")
  section = ConfigDict({"streams": values["model.streams"],
                        "fusion": {"kind": values["model.fusion.kind"]}})  # fmt: skip
  streams_of(section)
  gloss_batches.check_buckets(values["data.buckets"])
  _check_pairs(values)
  if values["model.head.hidden"] % 2:
    raise UserError(
        f"model.head.hidden={values['model.head.hidden']} must be even: positions are pairs of a "
        "sine and a cosine"
    )
  gloss_cleaning.cleaners(values["data.clean"])
  size, maps = values["data.size"], values["data.heatmap_size"]
  is_lateral = values["model.fusion.kind"] == "lateral" and len(streams) > 1
  wanted = -(-size // 2) if is_lateral else size
  if "keypoint" in streams and len(streams) > 1 and maps not in (0, wanted):
    raise UserError(
        f"data.heatmap_size={maps} must be {wanted}, or 0, where streams of data.size={size} are "
        f"connected by model.fusion.kind={values['model.fusion.kind']}"
    )


def _check_pairs(values):
  """Raises UserError where a setting that is a pair of numbers is none, or one that cannot be."""
  stretch = tuple(values["data.stretch"])
  if len(stretch) != 2 or not 0 < stretch[0] <= stretch[1] <= 4:
    raise UserError(f"data.stretch={stretch} is not two ascending numbers between 0 and 4")
  canvas = tuple(values["model.heatmap_canvas"])
  if len(canvas) != 2 or not all(type(side) is int and side > 0 for side in canvas):
    raise UserError(f"model.heatmap_canvas={canvas} is not a height and a width, pixels above 0")
