"""What the `model` sections of several systems have in common."""

from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from sign_jax.errors import UserError, did_you_mean
from sign_jax.protocols import Inputs

DTYPES = ("auto", "float32", "bfloat16")
# What CLIP's `convert_weights` turns into float16: `clip.`, and `clip_rgb.` in SEDS.
FLOAT16 = (
    r"^(visual|visual_rgb|textual)/transformer/resblocks_\d+/"
    r"(attn/(in_proj|out_proj)|mlp/(c_fc|c_proj))/(kernel|bias)$",
    r"^visual(_rgb)?/(conv1/kernel|proj)$",
    r"^textual/text_projection$",
)
# Of every system with CLIP's towers.
CHOICES = {
    "token_pooling": ("softmax", "max"),
    "dtype": (*DTYPES, "float16"),  # of the towers alone, as released
    "attention": ("xla", "cudnn"),
}


def compute_dtype(name: str) -> jnp.dtype:
  """"auto" -> bfloat16 on accelerators and float32 on CPUs; else the dtype named in DTYPES."""
  if name == "auto":
    name = "float32" if jax.default_backend() == "cpu" else "bfloat16"
  return jnp.dtype(name)


def towers(
    model: ml_collections.ConfigDict, inputs: Inputs, float16_attention: str = "rounded"
) -> dict[str, Any]:
  """The arguments of `systems.cico.model.CiCo` that every system with CLIP's towers has.

  Args:
    model: section of a configuration, every switch of which is decided.
    inputs: `protocols.Inputs`; the video's length counts.
    float16_attention: what stands for "xla" where the towers are float16, see
      `modules.transformer.attend`.

  Raises:
    UserError: what this machine cannot compute.
  """
  length = inputs["video_valid"][0][0]
  # Runs made before these two were settings lack them.
  attention, remat = model.get("attention", "xla"), bool(model.get("remat", False))
  dtype, backend = compute_dtype(model.dtype), jax.default_backend()
  if dtype == jnp.float16 and backend not in ("cpu", "gpu"):
    raise UserError(
        f"model.dtype=float16 is for GPUs, and this is {backend}: use --config.model.dtype=auto"
    )
  if attention == "cudnn" and (dtype != jnp.bfloat16 or backend != "gpu"):
    raise UserError(
        f"model.attention=cudnn needs bfloat16 on an NVIDIA GPU, and this is {dtype.name} on "
        f"{backend}: use --config.model.attention=xla"
    )
  if dtype == jnp.float16 and attention == "xla":
    attention = float16_attention
  blocks = {"attention": attention, "remat": remat}
  return {
      "video": {**model.video, **blocks, "length": length},
      "text": {**model.text, **blocks},
      "embed_dim": model.embed_dim,
      "token_pooling": model.token_pooling,
      "mask_padding": model.mask_padding,
      "temperature": model.temperature,
      "max_elements": model.max_elements,
      "dtype": dtype,
  }


def known_dataset(dataset: str, known: Collection[str]) -> str:
  """`dataset`, one of those that a system has settings for.

  Raises:
    UserError: it is none of them.
  """
  if dataset not in known:
    raise UserError(
        f"there is no setting for data set {dataset!r}: choose one of {', '.join(known)}"
        + did_you_mean(dataset, tuple(known))
    )
  return dataset
