"""A picture of some spotted signs: how like the exemplar each window is, and where the sign is."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from launch.spotting import annotations, archive, films  # noqa: E402
from sign_jax.data import clip_table, feature_files, feature_segments  # noqa: E402
from sign_jax.data.lexicon_table import read as read_lexicon  # noqa: E402
from sign_jax.files import replacing  # noqa: E402
from sign_jax.ops.spotting import as_similarity  # noqa: E402
from sign_jax.ops.unit_length import unit_length  # noqa: E402
from sign_jax.video.frames import WINDOW  # noqa: E402

_ROWS, _COLUMNS = 2, 3
_STRIP = 4  # frames of a strip


def draw(run, path):
  """Draws some annotations of the last round; nothing where there was no round.

  Args:
    run: `rounds.Rounds`, all of whose stages are done.
    path: pathlib.Path of the picture.
  """
  if not run.rounds:
    return
  turn = run.rounds[-1]
  chosen = _choose(annotations.of_spotting(run.spotted(turn)))
  figure, axes = plt.subplots(_ROWS, _COLUMNS, figsize=(5 * _COLUMNS, 3.6 * _ROWS), squeeze=False)
  for axis in axes.flat:
    axis.axis("off")
  for axis, label in zip(axes.flat, chosen, strict=False):
    axis.axis("on")
    _draw_one(axis, run, turn, label)
  figure.suptitle(f"Signs that round {turn} spotted: similarity to the exemplar along the sentence")
  figure.tight_layout()
  with replacing(path) as partial:
    figure.savefig(partial, dpi=90, format="png")
  plt.close(figure)


def _choose(labels):
  """Of different words, from the surest to the least sure."""
  by_word = {}
  for label in sorted(labels, key=lambda x: -x.score):
    by_word.setdefault(label.gloss, label)
  found = list(by_word.values())
  return [found[i] for i in np.unique(np.linspace(0, len(found) - 1, _ROWS * _COLUMNS).astype(int))]


def _draw_one(axis, run, turn, label):
  folder = run.folder(turn) / "features"
  content = feature_files.read(_features(folder, label.video))
  exemplar = _exemplar(run, folder, label)
  cosine = np.asarray(unit_length(content.feature) @ unit_length(exemplar))
  similarity = as_similarity(cosine, run.spotting.similarity)
  middles = np.arange(len(cosine)) * content.stride + WINDOW / 2
  seconds = middles / (content.fps or feature_segments.FPS)
  for sign in run.truth.get("train", ()):
    if (sign.video, sign.gloss) == (label.video, label.gloss):
      axis.axvspan(sign.start, sign.end, color="tab:green", alpha=0.25)
  axis.plot(seconds, similarity, color="tab:blue")
  axis.axhline(run.spotting.threshold, color="grey", linewidth=0.8, linestyle=":")
  axis.plot((label.start + label.end) / 2, label.score, "o", color="tab:red")
  axis.set(ylim=(min(0, similarity.min()), 1.75), yticks=(0, 0.5, 1), xlabel="seconds",
          )  # fmt: skip
  title = f'"{label.gloss}", {label.score:.2f}, {label.provenance.exemplar}'
  axis.set_title(title, parse_math=False)
  _draw_strips(axis, run, label)


def _draw_strips(axis, run, label):
  """Frames of the annotation and of the exemplar above the curve, where they can be had."""
  strips = films.of_annotation(run, label, _STRIP), films.of_exemplar(run, label, _STRIP)
  for place, (strip, name) in enumerate(zip(strips, ("found", "exemplar"), strict=True)):
    if strip is not None:
      inset = axis.inset_axes((0.01 + 0.5 * place, 0.66, 0.48, 0.32))
      inset.imshow(np.concatenate(list(strip), 1))
      inset.set(xticks=(), yticks=())
      inset.set_xlabel(name, fontsize=7, labelpad=1)


def _features(folder, video):
  return feature_files.path_of(folder, clip_table.stem_of(video.removesuffix(".npz")))


def _exemplar(run, folder, label):
  lexicon, _, name = label.provenance.exemplar.partition("/")
  (row,) = [x for x in read_lexicon(run.given.lexicons[lexicon] / archive.TABLE)
            if x.exemplar == name]
  content = feature_files.read(_features(folder / lexicon, name))
  rows = content.feature[feature_segments.inside(content, row.start, row.end)]
  return rows.mean(0)
