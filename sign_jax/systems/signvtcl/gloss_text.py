"""Features of the tokens of gloss sentences, made once by a frozen encoder and kept on disk.

The encoder is mBART's, or a tiny one that is trained on the sentences themselves.
"""

import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Shaped
from ml_collections import ConfigDict
from tqdm import tqdm

from sign_jax.errors import UserError, did_you_mean, shown
from sign_jax.files import user_path
from sign_jax.modules.mbart import PAD
from sign_jax.systems.signvtcl import mbart_text, text_store, tiny_text
from sign_jax.systems.signvtcl.gloss_tokens import Tokens
from sign_jax.systems.signvtcl.text_store import Place

ENCODERS = {"tiny": tiny_text.Tiny, "mbart": mbart_text.MBart}
LOWER_CASE = ("auto", *mbart_text.LOWER_CASE)
# The section `text` of a configuration.
TEXT = {
    "encoder": "tiny",  # or "mbart"
    "weights": "",  # of mBART: pytorch_model.bin or model.safetensors
    "vocabulary": "",  # of mBART: sentencepiece.bpe.model
    "language": "de_DE",  # of the glosses, one of `gloss_tokens.LANGUAGES`
    "lower_case": "auto",  # or "yes", "no"; of mBART: "auto" is "yes" for de_DE alone
    "heads": 0,  # of mBART's attention; 0: one for 64 channels
    "cache_dir": "",  # of features; "": ~/.cache/sign_jax/text_features
    "tiny": {
        "width": 64, "layers": 2, "heads": 4, "hidden": 128,
        "steps": 600,  # of training by masked glosses; 0 leaves the encoder as it was drawn
        "seed": 0,
    },
}
FOLDER = "text_features"
_USER_FOLDER = f"~/.cache/sign_jax/{FOLDER}"
_BATCH = 16  # sentences that are encoded at a time
_SHORTEST = 16  # tokens that sentences are filled up to; then 32, 64 and so on


class GlossText:
  """The features of sentences' tokens, which lie on disk.

  Attributes:
    width: E, the channels of a token.
    length: M, the tokens of the longest sentence.
    digest: of the encoder and of all tokens: what the features depend on.
  """

  def __init__(
      self, tokens: Mapping[tuple[str, ...], Tokens], places: Sequence[Place], digest: str
  ) -> None:
    """
    Args:
      tokens: of each sentence.
      places: of their features, as many, in their order.
      digest: of what the features depend on.
    """
    self.digest = digest
    self.length = max(len(each.ids) for each in tokens.values())
    self._numbers = {sentence: number for number, sentence in enumerate(tokens)}
    self._places = list(places)
    self._ends = np.array([each.end for each in tokens.values()], np.int32)
    self._glosses = np.full((len(tokens), self.length), -1, np.int32)
    for row, each in zip(self._glosses, tokens.values(), strict=True):
      row[: len(each.glosses)] = each.glosses
    self._parts = {place.path: text_store.opened(place.path) for place in places}
    self.width = next(iter(self._parts.values())).shape[1]

  def rows(self, sentences: Sequence[Sequence[str]]) -> dict[str, Shaped[np.ndarray, "B ..."]]:
    """What a batch of sentences, each of which was given at the beginning, has.

    Returns:
      "text": (B, M, E) float32, 0 behind the end; "gloss_of_token": (B, M) int32, the place of the
      gloss that a token belongs to, -1 for none; "text_end": (B,) int32, the place of the token
      that ends the sentence.

    Raises:
      KeyError: another sentence.
    """
    numbers = [self._numbers[tuple(sentence)] for sentence in sentences]
    text = np.zeros((len(numbers), self.length, self.width), np.float32)
    for row, number in zip(text, numbers, strict=True):
      path, first, tokens = self._places[number]
      row[:tokens] = self._parts[path][first : first + tokens]
    return {
        "text": text, "gloss_of_token": self._glosses[numbers], "text_end": self._ends[numbers],
    }

  def __contains__(self, sentence: Sequence[str]) -> bool:
    """Whether there are features of a sentence."""
    return tuple(sentence) in self._numbers

  def __getstate__(self) -> dict:
    """Without the features, which another process opens by itself."""
    return self.__dict__ | {"_parts": list(self._parts)}

  def __setstate__(self, state: dict) -> None:
    """Opens the features."""
    self.__dict__ |= state
    self._parts = {path: text_store.opened(path) for path in state["_parts"]}


def open_text(
    config: ConfigDict,
    sentences: Sequence[Sequence[str]],
    directory: str | pathlib.Path | None = None,
    others: Iterable[Sequence[str]] = (),
) -> GlossText:
  """The features of sentences; those that are not on disk are computed, behind a progress bar.

  Args:
    config: with a section as `TEXT`.
    sentences: glosses of each, all of a training split.
    directory: a folder for a folder of features, where the section names none.
    others: sentences that an encoder is not trained on; those of more tokens than any of
      `sentences` are left out, since a tiny one cannot read them.

  Raises:
    UserError: settings that there are not, files that do not fit, a sentence that is too long.
    OSError: the features cannot be read or written.
  """
  text = config.text
  check(text)
  distinct = sorted({tuple(sentence) for sentence in sentences})
  if not distinct or not all(distinct):
    raise UserError("there is a sentence without glosses, or none at all: check the annotations")
  cache = user_path(text.cache_dir or (directory and f"{directory}/{FOLDER}") or _USER_FOLDER)
  source = ENCODERS[text.encoder](text, distinct, cache)
  tokens = {sentence: source.tokens(sentence) for sentence in distinct}
  digest = text_store.key(source.digest, [text_store.key(x.ids) for x in tokens.values()])
  tokens |= _short(source, set(map(tuple, others)) - set(tokens) - {()}, tokens)
  keys = [text_store.key(each.ids) for each in tokens.values()]
  store = text_store.Store(cache / source.digest)
  found = store.places()
  missing = {key: each.ids for key, each in zip(keys, tokens.values(), strict=True)
             if key not in found}
  if missing:
    _compute(store, source, missing)
    found = store.places()
  return GlossText(tokens, [found[key] for key in keys], digest)


def _short(source, sentences, tokens) -> dict[tuple[str, ...], Tokens]:
  """The tokens of those sentences that have no more than the longest of others."""
  longest = max(len(each.ids) for each in tokens.values())
  found = {sentence: source.tokens(sentence) for sentence in sorted(sentences)}
  return {sentence: each for sentence, each in found.items() if len(each.ids) <= longest}


def check(text: ConfigDict) -> None:
  """Raises UserError for settings of a section `TEXT` that there are not."""
  for name, choices in (("encoder", tuple(ENCODERS)), ("lower_case", LOWER_CASE)):
    if text[name] not in choices:
      raise UserError(
          f"text.{name}={shown(text[name])} is not one of {', '.join(choices)}"
          f"{did_you_mean(str(text[name]), choices)}"
      )
  for name in ("width", "layers", "heads", "hidden"):
    if text.tiny[name] < 1:
      raise UserError(f"text.tiny.{name}={text.tiny[name]} must be 1 or more")
  if text.tiny.width % text.tiny.heads:
    raise UserError(
        f"text.tiny.width={text.tiny.width} does not divide among text.tiny.heads="
        f"{text.tiny.heads}: choose a multiple"
    )
  for name, value in (("text.tiny.steps", text.tiny.steps), ("text.heads", text.heads)):
    if value < 0:
      raise UserError(f"{name}={value} must not be negative")


def _compute(store, source, missing: Mapping[str, Sequence[int]]) -> None:
  """Stores the features of {key: token ids}."""
  encode, longest = source.encoder()
  over = max(map(len, missing.values()))
  if over > longest:
    raise UserError(
        f"a sentence has {over} tokens, and the text encoder reads {longest} at most: leave it out"
    )
  keys = sorted(missing, key=lambda key: len(missing[key]))
  most = source.most or len(keys)
  with tqdm(total=len(keys), desc="text features", unit="sentence", delay=2) as bar:
    for start in range(0, len(keys), most):
      part, features = keys[start : start + most], []
      for first in range(0, len(part), _BATCH):
        ids = [missing[key] for key in part[first : first + _BATCH]]
        features += _encoded(encode, ids, longest)
        bar.update(len(ids))
      store.write(part, features)


def _encoded(encode, sentences, longest) -> list[Float[np.ndarray, "_ E"]]:
  """The features of at most `_BATCH` sentences' token ids; few shapes are compiled."""
  length = _SHORTEST
  while length < max(map(len, sentences)):
    length *= 2
  ids = np.full((_BATCH, min(length, longest)), PAD, np.int32)
  for row, sentence in zip(ids, sentences, strict=False):
    row[: len(sentence)] = sentence
  ids[len(sentences) :] = ids[0]
  features = encode(ids)[: len(sentences)]
  if not np.isfinite(features).all():
    raise UserError(
        "the text encoder makes numbers that are not finite: get its weights anew, or choose "
        "text.encoder=tiny"
    )
  return [row[: len(sentence)] for row, sentence in zip(features, sentences, strict=True)]
