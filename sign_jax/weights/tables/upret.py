"""Names of the released CiCo and UPRet checkpoints."""

from sign_jax.weights.convert import LINEAR, Layout, Rule

# conv1 is a 1x1 convolution (out, in, 1, 1) there and a Dense layer (in, out) here.
POINTWISE_2D = Layout(lambda x: x.reshape(x.shape[:2]).T, lambda x: x.T[:, :, None, None])

_BLOCKS = "transformer.resblocks.{n}"
_BLOCKS_HERE = "transformer/resblocks_{n}"


def _tower(torch, flax):
  """Rules of one CLIP tower: `torch` and `flax` are the prefixes of its transformer."""
  there, here = f"{torch}{_BLOCKS}", f"params/{flax}/{_BLOCKS_HERE}"
  return (
      Rule(f"{there}.attn.in_proj_weight", f"{here}/attn/in_proj/kernel", LINEAR),
      Rule(f"{there}.attn.in_proj_bias", f"{here}/attn/in_proj/bias"),
      Rule(f"{there}.attn.out_proj.weight", f"{here}/attn/out_proj/kernel", LINEAR),
      Rule(f"{there}.mlp.{{layer}}.weight", f"{here}/mlp/{{layer}}/kernel", LINEAR),
      Rule(f"{there}.{{norm}}.weight", f"{here}/{{norm}}/scale"),
      Rule(f"{there}.{{path}}.bias", f"{here}/{{path}}/bias"),
  )


CICO = (
    Rule("clip.logit_scale", "params/logit_scale"),
    *_tower("clip.visual.", "visual"),
    Rule("clip.visual.conv1.weight", "params/visual/conv1/kernel", POINTWISE_2D),
    Rule("clip.visual.{norm}.weight", "params/visual/{norm}/scale"),
    Rule("clip.visual.{norm}.bias", "params/visual/{norm}/bias"),
    Rule("clip.visual.{name}", "params/visual/{name}"),
    *_tower("clip.", "textual"),
    Rule("clip.token_embedding.weight", "params/textual/token_embedding/embedding"),
    Rule("clip.{norm}.weight", "params/textual/{norm}/scale"),
    Rule("clip.{norm}.bias", "params/textual/{norm}/bias"),
    Rule("clip.{name}", "params/textual/{name}"),
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

# In the released files, but without part in the computation.
IGNORE = (
    r"clip\.visual\.conv2_trans\.weight",
    r"clip\.logit_scale_(first|sec)_softmax",
    r"dist_\w+_trans\.(mu|logsig)_proj\.(weight|bias)",
    r"dsu\..*",
)
