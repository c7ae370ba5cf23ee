"""What the golden case holds of operators alone: losses, searches, paths, flow, words."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from sign_jax.data import flow_encoding, frame_sampling, gloss_cleaning
from sign_jax.golden import seeded
from sign_jax.golden.compare import Facts, Quantities, Row
from sign_jax.metrics import word_error
from sign_jax.ops import alignment, ctc, ctc_decode
from sign_jax.systems.signvtcl.model import ensemble

_CTC = 6, 10, 6  # examples, steps, classes
_PATHS = (3, 8), (5, 5), (4, 12), (1, 4)  # glosses and steps
_HEADS, _EXAMPLES, _STEPS, _CLASSES = 4, 5, 12, 9  # of what is decoded
_WIDTHS = {"average": (1, 5, 100), "crafted": (5,)}  # of the beam; 5 of every head
_FRAMES = (4, 7, 16, 399, 400, 403, 410, 475)
_CORPORA = {"phoenix2014": "phoenix14", "phoenix2014t": "phoenix14t", "csl_daily": "csl_daily"}
_KINDS = ("substitutions", "deletions", "insertions")


def quantities(facts: Facts) -> Quantities:
  """All of them, of a case with these facts."""
  prefix, inputs = facts.get("seed_prefix", ""), facts["inputs"]
  draw = lambda name, shape, scale=1.0: seeded.normal(f"{prefix}{name}", shape, scale)
  return {
      **_ctc(draw, inputs), **_paths(draw, prefix), **_glosses(draw, inputs), **_sentences(draw),
      **_flow(draw), **_searches(draw, inputs), **_words(facts["text_cases"]),
  }


def _padded(rows: Sequence[Sequence[int]]) -> Int[np.ndarray, "B N"]:
  width = max(1, *map(len, rows))
  return np.array([[*row, *[0] * (width - len(row))] for row in rows], np.int32)


def _ctc(draw, inputs):
  glosses = _padded(inputs["ctc_targets"])
  steps = np.array(inputs["ctc_input_lengths"], np.int32)
  loss = lambda logits: ctc.ctc_loss(logits, steps, glosses).sum() / len(steps)
  logits = jnp.asarray(draw("ctc/logits", _CTC, 2))
  total, gradient = jax.jit(jax.value_and_grad(loss))(logits)
  return {
      "ctc/feasible": ctc.feasible(steps, glosses),
      "ctc/losses": ctc.ctc_loss(logits, steps, glosses),
      "ctc/loss_sum_over_batch": total, "ctc/gradient_of_logits": gradient,
  }


def _paths(draw, prefix):
  found = {}
  for number, (count, steps) in enumerate(_PATHS):
    scores = jax.nn.log_softmax(draw(f"dtw/logits_{number}", (steps, _CLASSES), 2))[None]
    glosses = seeded.integers(f"{prefix}dtw/glosses_{number}", 1, _CLASSES, (count,))
    path = alignment.monotone_path(scores, np.array([steps]), glosses[None])
    found |= {
        f"dtw/glosses_{number}": glosses, f"dtw/path_{number}": path.position[0],
        f"dtw/log_probability_{number}": path.log_probability[0],
    }
  return found


def _glosses(draw, inputs):
  """Losses at the level of glosses, of one sentence."""
  visual, text = (jnp.asarray(draw(f"align/{name}", (5, 16), 0.5)) for name in ("visual", "text"))
  glosses = np.array([inputs["align_glosses"]])

  def loss(visual, text, *how):
    return alignment.gloss_loss(visual[None], text[None], glosses, np.array([True]), *how)

  plain = loss(visual, text)
  gradients = jax.grad(lambda *x: loss(*x).loss, (0, 1))(visual, text)
  return {
      "align/gloss_loss": plain.loss, "align/gloss_loss_v2t": plain.to_text,
      "align/gloss_loss_t2v": plain.to_video,
      "align/gradient_of_visual": gradients[0], "align/gradient_of_text": gradients[1],
      "align/gloss_loss_mean_row": loss(visual, text, "mean").loss,
      "align/gloss_loss_cosine_0.07": loss(visual, text, "sum", True, 0.07).loss,
  }


def _sentences(draw):
  visual, text = (draw(f"sentence/{name}", (4, 16)) for name in ("visual", "text"))
  same = alignment.same_sentences(np.array([[1], [2], [2], [3]]))
  return {
      "sentence/kl_features": alignment.channel_loss(visual, text),
      "sentence/kl_batch": alignment.batch_loss(visual, text, same),
  }


def _flow(draw):
  field = draw("flow/field", (2, 16, 20, 2), 4) * np.float32([1, 3]).reshape(2, 1, 1, 1)
  kept = [(n, frame_sampling.evaluation_frames(n)) for n in _FRAMES]
  return {
      **{f"flow/{name}": flow_encoding.encode(field, name) for name in flow_encoding.ENCODINGS},
      "sampling/test_frames_kept_first_last": [(n, len(x), x[0], x[-1]) for n, x in kept],
  }


def _searches(draw, inputs):
  logits = draw("beam/logits", (_HEADS, _EXAMPLES, _STEPS, _CLASSES), 2)
  scores = {f"head{number}": x for number, x in enumerate(logits)}
  scores["average"] = ensemble({str(number): jnp.asarray(x) for number, x in enumerate(logits)})
  scores["crafted"] = _crafted(logits, inputs["beam_crafted_labels"])
  steps, found = np.array(inputs["beam_lengths"]), {}
  for name, x in scores.items():
    for width in _WIDTHS.get(name, (5,)):
      title = f"beam/{name}_width{width}"
      standard = ctc_decode.beam_search(x, steps, width)
      other = ctc_decode.beam_search(x, steps, width, "tensorflow")
      found |= {
          f"{title}/standard_sequences": _ended(standard.glosses),
          f"{title}/standard_log_probability": standard.log_probability,
          f"{title}/sequences": _ended(other.glosses),
          f"{title}/merged": _ended(ctc_decode.merge_repeated(other.glosses)),
          f"{title}/log_probability": other.log_probability,
      }
  return found


def _crafted(
    logits: Float[np.ndarray, "H B T V"], labels: Sequence[int]
) -> Float[np.ndarray, "B T V"]:
  """Scores with equal candidates, with few likely ones and with many."""
  found = np.zeros(logits.shape[1:], np.float32)
  found[0, np.arange(_STEPS), labels] = 6
  found[1], found[2], found[3] = logits[0, 1] * 0.5, logits[2, 2] * 3, logits[1, 3]
  found[4, :, 0] = 8
  return found


def _ended(glosses):
  """Sequences with -1 behind the end."""
  return jnp.where(glosses == ctc.BLANK, -1, glosses)


def _words(texts):
  """Errors of all sentences together."""
  total = sum((_compared(text)[1] for text in texts), word_error.WordErrors())
  counts = [*(getattr(total, kind) for kind in _KINDS), total.words]
  return {
      "wer/substitutions_deletions_insertions_words": counts, "wer/percent": total.percent()["wer"],
  }


def _compared(text: dict[str, Any]) -> tuple[tuple[str, str], word_error.WordErrors]:
  """The cleaned reference and hypothesis of a sentence, and their errors."""
  both = [text["reference"].split(" "), text["hypothesis"].split(" ")]
  if text["dataset"] in _CORPORA:
    both = [gloss_cleaning.clean(words, _CORPORA[text["dataset"]]) for words in both]
  return tuple(map(" ".join, both)), word_error.count(word_error.align(*both))


def texts(cases: Sequence[dict[str, Any]]) -> list[Row]:
  """A `Row` for each sentence: its words after the clean-up, and its errors, are equal or not."""
  rows = []
  for number, case in enumerate(cases):
    cleaned, errors = _compared(case)
    got = *cleaned, *(getattr(errors, kind) for kind in _KINDS), errors.words
    names = "reference_clean", "hypothesis_clean", *_KINDS, "reference_words"
    fine = got == tuple(case[name] for name in names)
    rows.append(Row(f"text_cases/{number}", np.nan, np.nan, 0.0, "ok" if fine else "DISAGREES"))
  return rows
