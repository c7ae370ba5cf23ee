"""mBART's encoder from a file of weights, frozen, as a source of features of glosses."""

import pathlib
import re
from collections.abc import Callable, Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Float, Int
from ml_collections import ConfigDict

from sign_jax.errors import UserError
from sign_jax.files import existing_file, user_path
from sign_jax.modules.mbart import MBartEncoder
from sign_jax.systems.signvtcl import gloss_tokens, released_names, text_store
from sign_jax.weights import convert, readers

OPTION = "--config.text.weights"
_REMEDY = "pass pytorch_model.bin or model.safetensors of mBART (mbart-large-cc25)"
_HEAD_WIDTH = 64  # channels of an attention head of every released mBART
_ENCODER, _WORDS = "encoder.", "embed_tokens.weight"
_PLACES, _FIRST_MLP = "embed_positions.weight", "layers.0.fc1.weight"
_LANGUAGE_OF_LOWER_CASE = "de_DE"  # its glosses are in capitals, which words are not
LOWER_CASE = {"yes": True, "no": False}  # beside "auto"

Encode = Callable[[Int[np.ndarray, "B M"]], Float[np.ndarray, "B M E"]]


class MBart:
  """A frozen mBART; its weights are read when `encoder` is called.

  Attributes:
    most: sentences that are stored at a time.
    digest: of what decides the features of tokens.
  """

  most = 256

  def __init__(
      self, text: ConfigDict, sentences: Sequence[Sequence[str]], cache: pathlib.Path
  ) -> None:
    """Reads the vocabulary.

    Args:
      text: the `text` section of a configuration.
      sentences: not looked at.
      cache: a folder to note the weights' digest in.

    Raises:
      UserError: see `gloss_tokens.MBartTokens`; there is no file of weights.
    """
    del sentences
    if not text.weights:
      raise UserError(f"text.encoder=mbart has no weights: pass them by {OPTION}")
    self._path = existing_file(user_path(text.weights), OPTION, _REMEDY)
    vocabulary = text.vocabulary and user_path(text.vocabulary)
    lower = LOWER_CASE.get(text.lower_case, text.language == _LANGUAGE_OF_LOWER_CASE)
    self._tokens = gloss_tokens.MBartTokens(vocabulary, text.language, lower)
    self._heads = text.heads
    self.digest = text_store.key(
        "mbart", text_store.file_digest(self._path, cache / "files"),
        text_store.file_digest(vocabulary, cache / "files"), text.language, [lower, text.heads],
    )

  def tokens(self, sentence: Sequence[str]) -> gloss_tokens.Tokens:
    """Of a sentence."""
    return self._tokens.of(sentence)

  def encoder(self) -> tuple[Encode, int]:
    """(the function of token ids, the most tokens of a sentence); reads the weights.

    Raises:
      UserError: they are no encoder of mBART, or of another vocabulary.
    """
    model, variables = read(self._path, self._heads)
    if model.vocabulary != len(self._tokens):
      raise UserError(
          f"{OPTION}: {self._path} has {model.vocabulary} tokens, and {gloss_tokens.OPTION} "
          f"{len(self._tokens)}, codes of {len(gloss_tokens.LANGUAGES)} languages among them: "
          "pass both files of one mBART of 25 languages (mbart-large-cc25)"
      )
    return frozen(model, variables), model.positions


def frozen(model: MBartEncoder, variables: dict) -> Encode:
  """The function of token ids that a model is, in float32 on any device."""
  apply, variables = jax.jit(model.apply), jax.device_put(variables)

  def encode(ids):
    with jax.default_matmul_precision("highest"):  # not in the shorter numbers of accelerators
      return np.asarray(apply(variables, ids))

  return encode


def read(path: pathlib.Path, heads: int = 0) -> tuple[MBartEncoder, dict]:
  """An encoder and its variables, float32, from a checkpoint of mBART; all sizes are the file's.

  Args:
    path: of a whole sequence-to-sequence model, whose decoder is left out, or of an encoder.
    heads: of the attention, which no array tells; 0 for one of 64 channels each.

  Raises:
    UserError: it is no file of weights, or not of such an encoder.
  """
  state = _encoder_of(readers.read(path))
  try:
    model = _sized(state, heads)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 2), np.int32))
    return model, convert.merge(shapes, state, released_names.MBART)
  except (UserError, ValueError) as error:
    raise UserError(f"{OPTION}: {path} is no encoder of mBART ({error}), {_REMEDY}") from error


def _encoder_of(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The entries of the encoder alone, by the names that they have in it."""
  is_whole = any(name.startswith(_ENCODER) for name in state)
  start = _ENCODER if is_whole else ""
  found = {n.removeprefix(start): x for n, x in state.items() if n.startswith(start)}
  shared = found.pop("shared.weight", state.get("shared.weight"))
  if shared is not None:
    found.setdefault(_WORDS, shared)
  return found


def _sized(state, heads):
  """The module of such weights; raises ValueError."""
  for name in (_WORDS, _PLACES, _FIRST_MLP):
    if name not in state or state[name].ndim != 2 or not state[name].size:
      raise ValueError(f"it has no matrix {name}")
  numbers = {match[1] for name in state if (match := re.match(r"layers\.(\d{1,2})\.", name))}
  vocabulary, width = state[_WORDS].shape
  heads = heads or width // _HEAD_WIDTH
  if heads < 1 or width % heads:
    raise ValueError(f"{width} channels do not divide among {heads} heads, which text.heads sets")
  positions = len(state[_PLACES]) - 2
  if positions < 1:
    raise ValueError("it has no positions")
  hidden = len(state[_FIRST_MLP])
  return MBartEncoder(vocabulary, width, len(numbers), heads, hidden, positions)
