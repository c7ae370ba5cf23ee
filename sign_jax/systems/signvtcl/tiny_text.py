"""A tiny text encoder, trained on the sentences of a data set by hiding some of their glosses.

The network is that of mBART's encoder, and its tokens are the glosses. In each step 15 % of a
batch's glosses are to be told; of these 80 % are hidden, 10 % are another gloss and 10 % are left
(Devlin et al., "BERT", 2019). Tokens are told by the same vectors that they are read by.
"""

import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PyTree
from ml_collections import ConfigDict
from tqdm import tqdm

from sign_jax.modules.mbart import PAD, MBartEncoder
from sign_jax.systems.signvtcl import gloss_tokens, mbart_text, text_store
from sign_jax.train import distributed

_TOLD, _HIDDEN, _OTHER = 0.15, 0.8, 0.1  # of the glosses; of those that are to be told
_BATCH, _AT_A_TIME = 64, 50  # sentences of a step, steps of a compiled program
_RATE, _CLIP, _WARM_UP = 3e-3, 1.0, 0.1  # of Adam; of the gradient's norm; of all steps
_VERSION = 1  # of what is trained; a change makes features of before another encoder's


class Trained(NamedTuple):
  """An encoder of glosses.

  Attributes:
    model: of the tokens of `tokens`.
    params: {"encoder": of the model, "bias": (V,) of the tokens that are told}.
    tokens: the vocabulary.
  """

  model: MBartEncoder
  params: Mapping[str, PyTree[ArrayLike]]
  tokens: gloss_tokens.GlossTokens


class Tiny:
  """The encoder of some sentences, which is trained when `encoder` is called.

  Attributes:
    most: 0, all sentences are stored together: each is encoded by the same training.
    digest: of what decides the features of tokens.
  """

  most = 0

  def __init__(
      self, text: ConfigDict, sentences: Sequence[Sequence[str]], cache: pathlib.Path
  ) -> None:
    """Makes the vocabulary.

    Args:
      text: the `text` section of a configuration.
      sentences: distinct ones, sorted.
      cache: not looked at.
    """
    del cache
    self._settings, self._sentences = text.tiny, sentences
    self._tokens = gloss_tokens.GlossTokens(sentences)
    settings = [text.tiny[name] for name in sorted(text.tiny)]
    self.digest = text_store.key("tiny", [_VERSION, *settings], [list(each) for each in sentences])

  def tokens(self, sentence: Sequence[str]) -> gloss_tokens.Tokens:
    """Of a sentence."""
    return self._tokens.of(sentence)

  def encoder(self) -> tuple[mbart_text.Encode, int]:
    """(the function of token ids, the most tokens of a sentence); trains, and says how well."""
    found = train(self._sentences, self._settings)
    if self._settings.steps:
      right, most_common = masked_accuracy(found, self._sentences)
      distributed.say(
          f"a text encoder was trained on {len(self._sentences)} sentences: of their glosses, each "
          f"hidden alone, it tells {right:.1%}, the most common gloss {most_common:.1%}"
      )
    variables = {"params": found.params["encoder"]}
    return mbart_text.frozen(found.model, variables), found.model.positions


def train(sentences: Sequence[Sequence[str]], settings: ConfigDict) -> Trained:
  """Trains an encoder behind a progress bar; the same on each start of one machine.

  It is trained on the CPU, where it takes seconds and sums have one order.

  Args:
    sentences: the glosses of each.
    settings: the section `text.tiny` of a configuration.
  """
  with jax.default_device(_cpu()):
    return _trained(sentences, settings)


def _cpu():
  """None, the usual device, where JAX was told to have no other."""
  try:
    return jax.local_devices(backend="cpu")[0]
  except RuntimeError:
    return None


def _trained(sentences, settings):
  tokens = gloss_tokens.GlossTokens(sentences)
  ids = _matrix(tokens, sentences)
  model = MBartEncoder(
      len(tokens), settings.width, settings.layers, settings.heads, settings.hidden, ids.shape[1]
  )
  own, drawing = jax.random.split(jax.random.key(settings.seed))
  variables = jax.jit(model.init)(own, ids[:1])
  params = {"encoder": variables["params"], "bias": jnp.zeros(len(tokens))}
  if settings.steps:
    params = _fitted(model, params, ids, tokens, settings.steps, drawing)
  return Trained(model, jax.device_get(params), tokens)


def _matrix(tokens, sentences) -> Int[np.ndarray, "S M"]:
  rows = [tokens.of(sentence).ids for sentence in sentences]
  ids = np.full((len(rows), max(map(len, rows))), PAD, np.int32)
  for row, one in zip(ids, rows, strict=True):
    row[: len(one)] = one
  return ids


def _fitted(model, params, ids, tokens, steps, key):
  warm_up = max(1, round(_WARM_UP * steps))
  rate = optax.warmup_cosine_decay_schedule(0.0, _RATE, warm_up, steps + 1)
  optimiser = optax.chain(optax.clip_by_global_norm(_CLIP), optax.adam(rate))
  glosses, ids = len(tokens.glosses), jnp.asarray(ids)

  def loss(params, batch, key):
    read, told = hidden(key, batch, glosses, tokens.mask)
    scores = jax.nn.log_softmax(told_scores(model, params, read))
    right = jnp.take_along_axis(scores, batch[..., None], axis=2)[..., 0]
    return -jnp.sum(right * told) / jnp.maximum(jnp.sum(told), 1)

  def step(carry, number):
    params, state = carry
    pick, hide = jax.random.split(jax.random.fold_in(key, number))
    batch = ids[jax.random.randint(pick, (_BATCH,), 0, len(ids))]
    updates, state = optimiser.update(jax.grad(loss)(params, batch, hide), state)
    return (optax.apply_updates(params, updates), state), None

  run = jax.jit(lambda carry, numbers: jax.lax.scan(step, carry, numbers)[0])
  carry = params, optimiser.init(params)
  with tqdm(total=steps, desc="text encoder", unit="step", delay=2) as bar:
    for first in range(0, steps, _AT_A_TIME):
      numbers = np.arange(first, min(first + _AT_A_TIME, steps))
      with jax.default_matmul_precision("highest"):
        carry = jax.block_until_ready(run(carry, numbers))
      bar.update(len(numbers))
  return carry[0]


def hidden(
    key: Array, ids: Int[ArrayLike, "B M"], glosses: int, mask: int
) -> tuple[Int[Array, "B M"], Bool[Array, "B M"]]:
  """(the tokens that are read, which of them are to be told).

  Args:
    key: of the draw.
    ids: token ids.
    glosses: how many there are; the first has token 4.
    mask: the token that hides another one.
  """
  first = len(gloss_tokens.SPECIAL)
  choose, way, other = jax.random.split(key, 3)
  is_gloss = (ids >= first) & (ids < first + glosses)
  told = is_gloss & (jax.random.uniform(choose, ids.shape) < _TOLD)
  drawn = jax.random.randint(other, ids.shape, first, first + glosses)
  share = jax.random.uniform(way, ids.shape)
  instead = jnp.where(share < _HIDDEN, mask, jnp.where(share < _HIDDEN + _OTHER, drawn, ids))
  return jnp.where(told, instead, ids), told


def told_scores(
    model: MBartEncoder, params: Mapping[str, PyTree[ArrayLike]], ids: Int[ArrayLike, "B M"]
) -> Float[Array, "B M V"]:
  """Logits of the tokens that stand at each place."""
  features = model.apply({"params": params["encoder"]}, ids)
  return features @ params["encoder"]["embed_tokens"].T + params["bias"][None, None]


def masked_accuracy(found: Trained, sentences: Sequence[Sequence[str]]) -> tuple[float, float]:
  """(share of glosses that are told when each is hidden alone, share of the most common gloss).

  The most common gloss is that of these sentences.

  Args:
    found: an encoder.
    sentences: the glosses of each, no longer than the longest that it was trained on.
  """
  first, right, answers = len(gloss_tokens.SPECIAL), 0, []
  scores = jax.jit(lambda params, ids: told_scores(found.model, params, ids))
  for ids, rows, places in _hidden_alone(found, sentences):
    of_place = np.asarray(scores(found.params, ids))[np.arange(len(rows)), places]
    best = first + np.argmax(of_place[:, first : first + len(found.tokens.glosses)], axis=1)
    right += int(np.sum(best == rows))
    answers += list(rows)
  return right / len(answers), float(np.max(np.bincount(answers)) / len(answers))


def _hidden_alone(
    found: Trained, sentences: Sequence[Sequence[str]]
) -> Iterator[tuple[Int[np.ndarray, "B M"], Int[np.ndarray, " N"], Int[np.ndarray, " N"]]]:
  """(tokens, what was hidden in the first N rows, and where), of all glosses."""
  length, most = found.model.positions, 1024
  ids, answers, places = [], [], []
  for sentence in sentences:
    tokens = found.tokens.of(sentence).ids
    for place in range(len(sentence)):
      row = np.full(length, PAD, np.int32)
      row[: len(tokens)] = tokens
      row[place] = found.tokens.mask
      ids.append(row)
      answers.append(tokens[place])
      places.append(place)
  for start in range(0, len(ids), most):
    part = np.full((most, length), PAD, np.int32)
    rows = ids[start : start + most]
    part[: len(rows)] = rows
    end = start + len(rows)
    yield part, np.array(answers[start:end]), np.array(places[start:end])
