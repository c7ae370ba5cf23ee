"""The half of SPOT-ALIGN's golden case that no model computes: spotting, signs in words, ranks."""

from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from sign_jax.data import recognized_files, spotted_clips, subtitle_words
from sign_jax.golden import seeded
from sign_jax.golden.compare import Facts, Quantities
from sign_jax.metrics import retrieval as metrics
from sign_jax.ops import spotting
from sign_jax.systems.spot_align import recognized_signs
from sign_jax.tasks import fusion

THRESHOLDS = (0.0, 0.1, 0.25, 0.5, 0.75)  # of recognised signs (table 4)
CHOSEN = 0.5
_AMOUNTS = np.float32([0.0, 0.7, 1.3, 3.0])  # of an exemplar in the window where it is planted
_NUMBERS = 10**6  # exemplars are drawn as numbers below, modulo how many there are


def quantities(facts: Facts) -> Quantities:
  """Everything of the case that follows from its facts alone; see `golden.quantities`."""
  inputs, prefix = facts["inputs"], facts.get("seed_prefix", "")
  signs = _signs(inputs, prefix, facts["given"]["input/sr_logits"])
  clips = [spotted_clips.interval(*annotation) for annotation in inputs["annotations"]]
  return {**_spotting(inputs, prefix), **signs, "clip_ranges": np.array(clips)}


def _lemma(inputs):
  return lambda word: inputs["lemmas"].get(word, word)


def _spotting(inputs, prefix):
  entries, entry_of = inputs["dictionary"], np.array(inputs["exemplar_word"])
  videos = len(inputs["subtitles"])
  candidates_of = subtitle_words.Candidates(entries, _lemma(inputs))
  candidates = [np.array(candidates_of(text), int) for text in inputs["subtitles"]]
  exemplars, windows = _embeddings(inputs, prefix, entry_of, (videos, len(entries)))
  lengths = seeded.integers(
      f"{prefix}input/spot_len", inputs["spot_windows"] // 2, inputs["spot_windows"] + 1, (videos,)
  )
  dictionary = spotting.Dictionary(exemplars, entry_of, len(entries))
  cut = (x[:length] for x, length in zip(windows, lengths, strict=True))
  found = list(dictionary.best(zip(cut, candidates, strict=True)))
  there, cosines = np.zeros((2, videos, len(entries)))
  for video, (words, best) in enumerate(zip(candidates, found, strict=True)):
    there[video, words] = 1
    cosines[video] = -1
    cosines[video, words] = best.cosine
  spotted = {}
  for similarity in spotting.SIMILARITIES:
    rows, scores = _annotations(candidates, found, similarity, inputs["spot_threshold"])
    spotted |= {f"spot_{similarity}": rows, f"spot_{similarity}_score": scores}
  return {"spot_candidates": there, "spot_best_cosine": cosines, **spotted}


def _embeddings(inputs, prefix, entry_of, shape):
  """(exemplars (E, D), windows (V, T, D)) in some of which exemplars are planted."""
  draw = lambda name, *shape: seeded.normal(f"{prefix}input/{name}", (*shape, inputs["spot_dim"]))
  number = lambda name, high: seeded.integers(f"{prefix}input/{name}", 0, high, shape)
  exemplars = draw("exemplars", len(entry_of))
  windows = draw("spot_windows", shape[0], inputs["spot_windows"])
  at = number("plant_at", inputs["spot_windows"] // 2)
  amount, exemplar = number("plant_amount", len(_AMOUNTS)), number("plant_exemplar", _NUMBERS)
  for video, word in np.ndindex(shape):
    own = np.flatnonzero(entry_of == word)
    row = own[exemplar[video, word] % len(own)]
    windows[video, at[video, word]] += _AMOUNTS[amount[video, word]] * exemplars[row]
  return exemplars, windows


def _annotations(candidates, found, similarity, threshold):
  """((N, 4) of video, word, window and exemplar, (N,) similarity) of what is kept."""
  rows, scores = [], []
  for video, (words, best) in enumerate(zip(candidates, found, strict=True)):
    score = spotting.as_similarity(best.cosine, similarity)
    kept = score > threshold
    columns = (np.full(len(words), video), words, best.window, best.exemplar)
    rows.append(np.stack(columns, 1)[kept])
    scores.append(score[kept])
  return np.concatenate(rows), np.concatenate(scores)


def _signs(inputs, prefix, logits):
  """Recognised signs as sets of lemmas, their overlap with sentences, and ranks by three systems.
  """
  lemma = _lemma(inputs)
  sets = lambda texts: [subtitle_words.lemmas(given, lemma) for given in texts]
  table = lambda found: subtitle_words.indicators(found, inputs["lemma_order"])
  query = sets([text] for text in inputs["sentences"])
  recognised = _recognised(logits, prefix)
  found, overlap = {"sr_query": table(query)}, {}
  for threshold in THRESHOLDS:
    names = (recognized_signs.seen(x, inputs["vocabulary"], threshold) for x in recognised)
    videos = sets(names)
    overlap[threshold] = recognized_signs.overlap(videos, query)
    found |= {f"sr_recognised_{threshold:.2f}": table(videos),
              f"sr_similarity_{threshold:.2f}": overlap[threshold]}
  translated = sets([text] for text in inputs["translations"])
  similarities = _similarities(prefix, overlap[CHOSEN])
  return {
      **found, "sr_translation_similarity": recognized_signs.overlap(translated, query),
      "comb_similarity": similarities[fusion.ALL], **_ranks(similarities),
  }


def _recognised(
    logits: Float[np.ndarray, "V T N"], prefix: str
) -> list[recognized_files.Recognized]:
  """The most probable sign of each of the windows that there are."""
  shifted = logits.astype(np.float64) - logits.max(-1, keepdims=True)
  chances = np.exp(shifted) / np.exp(shifted).sum(-1, keepdims=True)
  videos, windows = logits.shape[:2]
  lengths = seeded.integers(f"{prefix}input/sr_len", 1, windows + 1, (videos,))
  pairs = zip(chances, lengths, strict=True)
  return [recognized_files.best(video[:length], "") for video, length in pairs]


def _similarities(
    prefix: str, overlap: Float32[np.ndarray, "V V"]
) -> dict[str, Float32[np.ndarray, "V V"]]:
  """Of recognised signs, of drawn embeddings, and the mean of both."""
  drawn = seeded.normal(f"{prefix}input/cm", overlap.shape, 0.2)
  embedded = drawn + np.float32(0.25) * np.eye(len(drawn), dtype=np.float32)
  parts = {"cm": embedded, "sr": overlap}
  return {**parts, fusion.ALL: fusion.combined(parts)}


def _ranks(similarities: dict[str, Any]) -> Quantities:
  found = {}
  for name, similarity in similarities.items():
    pairs = np.arange(len(similarity))
    numbers = metrics.retrieval_metrics(similarity, pairs, ties="averaged")
    numbers |= metrics.geometric_means(numbers)
    found |= {f"metrics_averaged_ties/{name}/{key}": x for key, x in numbers.items()}
  return found
