"""A toy language of glosses, and files of a small mBART for it."""

import io
import random

import jax
import ml_collections
import numpy as np
import sentencepiece

from sign_jax.modules.mbart import MBartEncoder
from sign_jax.systems.signvtcl import gloss_text, released_names
from sign_jax.weights import convert, writers

WIDTH, HEADS, POSITIONS = 16, 2, 40
TINY = {"width": 16, "layers": 1, "heads": 2, "hidden": 24, "steps": 0, "seed": 0}
WORDS = ("REGEN", "SCHNEE", "WOLKE", "SONNE", "NORD", "SUED", "MORGEN", "ABEND", "STARK", "WIND")


def sentences(count, seed=0):
  """Distinct ones: a time, a place, a weather twice or its opposite; of 4 or 5 glosses."""
  draw, found = random.Random(seed), set()
  while len(found) < count:
    number = draw.randrange(6)
    start = (f"ZEIT{number}", f"ORT{(number + draw.randrange(2)) % 6}", f"WETTER{number}")
    found.add((*start, f"ENDE{draw.randrange(4)}", *(["JA"] if draw.random() < 0.5 else [])))
  return sorted(found)


def config(**overrides):
  """A configuration of text alone."""
  found = ml_collections.ConfigDict({"text": {**gloss_text.TEXT, "tiny": TINY}})
  found.text.update_from_flattened_dict(overrides)
  return found


def vocabulary(words=WORDS):
  """The bytes of a SentencePiece model of lower-case words."""
  draw, content = random.Random(0), io.BytesIO()
  lines = (" ".join(draw.choices(words, k=5)).lower() for _ in range(200))
  sentencepiece.SentencePieceTrainer.train(
      sentence_iterator=lines, model_writer=content, vocab_size=40, model_type="bpe",
      hard_vocab_limit=False, minloglevel=2, num_threads=1,
  )
  return content.getvalue()


def encoder(tokens):
  """(model, variables) of a small mBART; all parameters are drawn."""
  model = MBartEncoder(tokens, WIDTH, 2, HEADS, 24, POSITIONS)
  shapes = jax.eval_shape(model.init, jax.random.key(0), np.ones((1, 2), np.int32))
  draw = np.random.default_rng(0)
  return model, jax.tree.map(lambda x: draw.normal(0, 0.5, x.shape).astype(np.float32), shapes)


def checkpoint(variables, whole=True):
  """{name: array} as an encoder is saved, or within a sequence-to-sequence model."""
  state = convert.export(variables, released_names.MBART)
  if not whole:
    return state
  words = state.pop("embed_tokens.weight")
  found = {f"model.encoder.{name}": x for name, x in state.items()}
  decoder = {f"model.decoder.{name}": x + 1 for name, x in state.items()}
  more = {"model.decoder.layers.0.encoder_attn.k_proj.bias": np.ones(WIDTH, np.float32)}
  tied = {"model.shared.weight": words, "lm_head.weight": words}
  bias = {"final_logits_bias": np.zeros((1, len(words)), np.float32)}
  return {**found, **decoder, **more, **tied, **bias}


def write(path, state):
  """Writes a file of weights."""
  writers.write(path, state)
  return path
