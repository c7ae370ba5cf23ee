"""Names of the released UPRet checkpoints."""

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
