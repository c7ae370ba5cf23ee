"""Names of the released CiCo and UPRet checkpoints."""

from sign_jax.weights import clip
from sign_jax.weights.convert import LINEAR, Layout, Rule

# conv1 is a 1x1 convolution (out, in, 1, 1) there and a Dense layer (in, out) here.
POINTWISE_2D = Layout(lambda x: x.reshape(x.shape[:2]).T, lambda x: x.T[:, :, None, None])

CICO = (
  Rule("clip.visual.conv1.weight", "params/visual/conv1/kernel", POINTWISE_2D),
  *(rule._replace(torch=f"clip.{rule.torch}") for rule in clip.OPENAI),
)

_WEIGHTS_HERE = "params/{side}_weight_fc/fc_{n}"
_DISTRIBUTION, _DISTRIBUTION_HERE = "dist_{side}_trans", "params/dist_{side}_trans"

UPRET = (
  *CICO,
  Rule("{side}_weight_fc.{n}.weight", f"{_WEIGHTS_HERE}/kernel", LINEAR),
  Rule("{side}_weight_fc.{n}.bias", f"{_WEIGHTS_HERE}/bias"),
  *(
    Rule(f"{_DISTRIBUTION}.norm{i}.weight", f"{_DISTRIBUTION_HERE}/norm{i}/scale")
    for i in (1, 2, 3)
  ),
  Rule(f"{_DISTRIBUTION}.{{path}}.weight", f"{_DISTRIBUTION_HERE}/{{path}}/kernel", LINEAR),
  Rule(f"{_DISTRIBUTION}.{{path}}.bias", f"{_DISTRIBUTION_HERE}/{{path}}/bias"),
)

# By the name of the system in a configuration.
SYSTEMS = {"cico": CICO, "upret": UPRET}

# In the released files, but without part in the computation.
IGNORE = (
  r"clip\.visual\.conv2_trans\.weight",
  r"clip\.logit_scale_(first|sec)_softmax",
  r"dist_\w+_trans\.(mu|logsig)_proj\.(weight|bias)",
  r"dsu\..*",
)
