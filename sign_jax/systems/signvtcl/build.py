"""The network of a `model` section."""

from ml_collections import ConfigDict

from sign_jax.protocols import Inputs
from sign_jax.systems import options
from sign_jax.systems.signvtcl import settings
from sign_jax.systems.signvtcl.model import SignVTCL


def build(section: ConfigDict, inputs: Inputs) -> SignVTCL:
  """The module of a section in which every switch is decided.

  Args:
    section: see `settings.model_section`.
    inputs: has "classes".
  """
  streams, align = settings.streams_of(section), section.align
  return SignVTCL(
      inputs["classes"], streams, settings.joint_of(section), section.fusion.kind,
      section.fusion.stages, section.fusion.mlp_depth,
      pyramid=streams if section.spn.weight > 0 else (),
      hidden=section.head.hidden, feedforward=section.head.feedforward,
      dropout=section.head.dropout,
      shared=align.shared if settings.is_aligned(section) else 0, adapter=align.adapter,
      width=section.width, dtype=options.compute_dtype(section.dtype),
      momentum=section.norm_momentum, depth=section.depth,
  )
