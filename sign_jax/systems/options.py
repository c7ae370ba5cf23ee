"""What the `model` sections of several systems have in common."""

from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from sign_jax.errors import UserError
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
    "dtype": DTYPES,
    "attention": ("xla", "cudnn"),
}


def compute_dtype(name: str) -> jnp.dtype:
  """"auto" -> bfloat16 on accelerators and float32 on CPUs; else the dtype named in DTYPES."""
  if name == "auto":
    name = "float32" if jax.default_backend() == "cpu" else "bfloat16"
  return jnp.dtype(name)


def towers(model: ml_collections.ConfigDict, inputs: Inputs) -> dict[str, Any]:
  """The arguments of `systems.cico.model.CiCo` that every system with CLIP's towers has.

  Args:
    model: section of a configuration, every switch of which is decided.
    inputs: `protocols.Inputs`; the video's length counts.

  Raises:
    UserError: where cuDNN cannot compute the attention.
  """
  length = inputs["video_valid"][0][0]
  # Runs made before these two were settings lack them.
  attention, remat = model.get("attention", "xla"), bool(model.get("remat", False))
  blocks = {"attention": attention, "remat": remat}
  dtype, backend = compute_dtype(model.dtype), jax.default_backend()
  if attention == "cudnn" and (dtype != jnp.bfloat16 or backend != "gpu"):
    raise UserError(
        f"model.attention=cudnn needs bfloat16 on an NVIDIA GPU, and this is {dtype.name} on "
        f"{backend}: use --config.model.attention=xla"
    )
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
