"""Names of CLIP's weights: OpenAI's, and those that Hugging Face gave them."""

import re

import numpy as np

from sign_jax.weights.convert import LINEAR, Rule

_HERE = "params/{tower}/transformer/resblocks_{{n}}"


def _openai_tower(prefix, tower):
  there, here = prefix + "transformer.resblocks.{n}", _HERE.format(tower=tower)
  return (
    Rule(f"{there}.attn.in_proj_weight", f"{here}/attn/in_proj/kernel", LINEAR),
    Rule(f"{there}.attn.in_proj_bias", f"{here}/attn/in_proj/bias"),
    Rule(f"{there}.attn.out_proj.weight", f"{here}/attn/out_proj/kernel", LINEAR),
    Rule(f"{there}.mlp.{{layer}}.weight", f"{here}/mlp/{{layer}}/kernel", LINEAR),
    Rule(f"{there}.{{norm}}.weight", f"{here}/{{norm}}/scale"),
    Rule(f"{there}.{{path}}.bias", f"{here}/{{path}}/bias"),
  )


OPENAI = (
  Rule("logit_scale", "params/logit_scale"),
  *_openai_tower("visual.", "visual"),
  Rule("visual.{norm}.weight", "params/visual/{norm}/scale"),
  Rule("visual.{norm}.bias", "params/visual/{norm}/bias"),
  Rule("visual.{name}", "params/visual/{name}"),
  *_openai_tower("", "textual"),
  Rule("token_embedding.weight", "params/textual/token_embedding/embedding"),
  Rule("{norm}.weight", "params/textual/{norm}/scale"),
  Rule("{norm}.bias", "params/textual/{norm}/bias"),
  Rule("{name}", "params/textual/{name}"),
)

OPENAI_IGNORE = (
  r"visual\.conv1\.weight",
  r"visual\.positional_embedding",
  r"input_resolution|context_length|vocab_size",
  r"(.+\.)?attn_mask",
)


def _hugging_face_tower(prefix, tower):
  there, here = prefix + "encoder.layers.{n}", _HERE.format(tower=tower)
  renamed = {"self_attn.in_proj": "attn/in_proj", "self_attn.out_proj": "attn/out_proj",
             "mlp.fc1": "mlp/c_fc", "mlp.fc2": "mlp/c_proj"}  # fmt: skip
  return (
    *(Rule(f"{there}.{a}.weight", f"{here}/{b}/kernel", LINEAR) for a, b in renamed.items()),
    *(Rule(f"{there}.{a}.bias", f"{here}/{b}/bias") for a, b in renamed.items()),
    *_norm(f"{there}.layer_norm{{i}}", f"{here}/ln_{{i}}"),
  )


def _norm(there, here):
  return Rule(f"{there}.weight", f"{here}/scale"), Rule(f"{there}.bias", f"{here}/bias")


_VISION, _TEXT = "vision_model.", "text_model."

# After `fuse_attention`. Projections are (out, in) there and (in, out) at OpenAI and here.
HUGGING_FACE = (
  Rule("logit_scale", "params/logit_scale"),
  *_hugging_face_tower(_VISION, "visual"),
  Rule(f"{_VISION}embeddings.class_embedding", "params/visual/class_embedding"),
  *_norm(f"{_VISION}pre_layrnorm", "params/visual/ln_pre"),  # (sic)
  *_norm(f"{_VISION}post_layernorm", "params/visual/ln_post"),
  Rule("visual_projection.weight", "params/visual/proj", LINEAR),
  *_hugging_face_tower(_TEXT, "textual"),
  Rule(
    f"{_TEXT}embeddings.token_embedding.weight", "params/textual/token_embedding/embedding"
  ),
  Rule(f"{_TEXT}embeddings.position_embedding.weight", "params/textual/positional_embedding"),
  *_norm(f"{_TEXT}final_layer_norm", "params/textual/ln_final"),
  Rule("text_projection.weight", "params/textual/text_projection", LINEAR),
)

HUGGING_FACE_IGNORE = (
  r"vision_model\.embeddings\.patch_embedding\.weight",
  r"vision_model\.embeddings\.position_embedding\.weight",
  r"(vision|text)_model\.embeddings\.position_ids",
)


def is_hugging_face(state):
  """Whether a state dict has Hugging Face's names."""
  return any(name.startswith((_VISION, _TEXT)) for name in state)


def fuse_attention(state):
  """Joins Hugging Face's q_proj, k_proj and v_proj into one in_proj, as CLIP has it.

  Args:
    state: {name: array}.

  Returns:
    {name: array}; projections that are not three of one shape stay as they are.
  """
  fused = dict(state)
  for name in state:
    match = re.fullmatch(r"(.+\.self_attn)\.q_proj\.(weight|bias)", name)
    parts = [f"{match[1]}.{part}_proj.{match[2]}" for part in "qkv"] if match else ()
    if parts and len({getattr(state.get(part), "shape", None) for part in parts}) == 1:
      fused[f"{match[1]}.in_proj.{match[2]}"] = np.concatenate([fused.pop(p) for p in parts])
  return fused
