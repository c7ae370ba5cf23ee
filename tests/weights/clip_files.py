"""A tiny CLIP in every kind of file that CLIP comes in, with the true names."""

import pytest

torch = pytest.importorskip("torch")

import warnings  # noqa: E402

from tests.torch import reference  # noqa: E402

VIDEO = {"width": 48, "heads": 3, "layers": 2}
TEXT, DIM = {"width": 32, "heads": 2, "layers": 2}, 40
BUFFERS = ("input_resolution", "context_length", "vocab_size")


def make():
  """A seeded `reference.CLIP` in float16."""
  torch.manual_seed(0)
  model = reference.CLIP(VIDEO, TEXT, DIM).eval()
  for block in (*model.visual.transformer.resblocks, *model.transformer.resblocks):
    torch.nn.init.normal_(block.attn.in_proj_bias)
    torch.nn.init.normal_(block.attn.out_proj.bias)
  return model.half()


def torchscript(model, path):
  """As OpenAI's: traced, with modules and buffers of its own code inside."""
  image = torch.zeros(1, 3, 224, 224).half()
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TorchScript is deprecated, its files are not
    traced = torch.jit.trace(model, (image, torch.ones(1, 8, dtype=torch.long)), check_trace=False)
    torch.jit.save(traced, path)


def plain(model, path):
  torch.save(model.state_dict(), path)


def legacy(model, path):
  torch.save(model.state_dict(), path, _use_new_zipfile_serialization=False)


def hugging_face_state(model):
  """The same numbers under Hugging Face's names."""
  state = {}
  top = {
    "logit_scale": "logit_scale",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "visual.ln_pre": "vision_model.pre_layrnorm",
    "visual.ln_post": "vision_model.post_layernorm",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final": "text_model.final_layer_norm",
  }
  parts = {"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1",
           "mlp.c_proj": "mlp.fc2", "attn.out_proj": "self_attn.out_proj"}  # fmt: skip
  for name, value in model.state_dict().items():
    module, _, kind = name.rpartition(".")
    if name in ("visual.proj", "text_projection"):
      side = "visual" if "visual" in name else "text"
      state[f"{side}_projection.weight"] = value.T.contiguous()
    elif ".resblocks." in name:
      before, after = name.split("transformer.resblocks.")
      layer, part = after.split(".", 1)
      there = f"{'vision' if before else 'text'}_model.encoder.layers.{layer}"
      if "in_proj_" in part:
        kind = part.removeprefix("attn.in_proj_")
        for letter, third in zip("qkv", value.chunk(3), strict=True):
          state[f"{there}.self_attn.{letter}_proj.{kind}"] = third.clone()
      else:
        state[f"{there}.{parts[part.rpartition('.')[0]]}.{kind}"] = value
    elif name in top:
      state[top[name]] = value
    elif module in top:
      state[f"{top[module]}.{kind}"] = value
    else:
      assert name in BUFFERS, name
  for side, length in (("text", 77), ("vision", 50)):
    state[f"{side}_model.embeddings.position_ids"] = torch.arange(length)[None]
  return state


def hugging_face_bin(model, path):
  torch.save(hugging_face_state(model), path)


def hugging_face_safetensors(model, path):
  pytest.importorskip("safetensors.torch").save_file(hugging_face_state(model), path)


KINDS = {
  "ViT-B-32.pt": torchscript,
  "state.pt": plain,
  "old.pth": legacy,
  "pytorch_model.bin": hugging_face_bin,
  "model.safetensors": hugging_face_safetensors,
}
