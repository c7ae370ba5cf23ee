"""Names of the released UPRet checkpoints."""

from collections.abc import Mapping, Sequence
from typing import Any

from sign_jax.systems.cico import released_names as cico
from sign_jax.weights.convert import LINEAR, Rule

_WEIGHTS_HERE = "params/{side}_weight_fc/fc_{n}"
_DISTRIBUTION, _DISTRIBUTION_HERE = "dist_{side}_trans", "params/dist_{side}_trans"

NAMES = (
  *cico.NAMES,
  Rule("{side}_weight_fc.{n}.weight", f"{_WEIGHTS_HERE}/kernel", LINEAR),
  Rule("{side}_weight_fc.{n}.bias", f"{_WEIGHTS_HERE}/bias"),
  *(
    Rule(f"{_DISTRIBUTION}.norm{i}.weight", f"{_DISTRIBUTION_HERE}/norm{i}/scale")
    for i in (1, 2, 3)
  ),
  Rule(f"{_DISTRIBUTION}.{{path}}.weight", f"{_DISTRIBUTION_HERE}/{{path}}/kernel", LINEAR),
  Rule(f"{_DISTRIBUTION}.{{path}}.bias", f"{_DISTRIBUTION_HERE}/{{path}}/bias"),
)

IGNORE = cico.IGNORE

# What CLIP has no weights for.
FRESH = (
  *cico.FRESH,
  r"params/(video|text)_weight_fc/.+",
  r"params/dist_(video|text)_trans/.+",
)


def sizes(shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
  """As `cico.released_names.sizes`, and which distribution modules there are, and of what form."""
  sides = [side for side in ("video", "text") if f"dist_{side}_trans.fc.weight" in shapes]
  found = cico.sizes(shapes) | {"model.distribution.modelling": bool(sides)}
  if not sides:
    return found
  prefix = f"dist_{sides[0]}_trans."
  parts = {"mlp": "mu_mlp.fc1.weight", "attention": "attn.qkv.weight"}
  structure = "+".join(part for part, name in parts.items() if prefix + name in shapes)
  found |= {f"model.distribution.{side}": side in sides for side in ("video", "text")}
  found |= {"model.distribution.structure": structure} if structure else {}
  if "attention" in structure:
    whole = shapes[prefix + parts["attention"]][-1] == found["model.embed_dim"]
    found["model.distribution.split"] = "after" if whole else "before"
  return found
