"""Dictionary spotting in a corpus: exemplars, subtitles and their windows (SPOT-ALIGN, section 3).

The windows of a clip are those of its own feature file, or of its video's: the part of it that the
clip and `pad` seconds on both sides cover.
"""

import math
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int

from sign_jax.data import (
  clip_table,
  feature_files,
  feature_segments,
  lexicon_table,
  spotted_clips,
)
from sign_jax.data.feature_files import FeatureFile
from sign_jax.data.label_table import Label, Provenance
from sign_jax.errors import UserError
from sign_jax.ops import spotting


class Lexicon(NamedTuple):
  """The exemplars of isolated signs, of one or several lexicons.

  Attributes:
    words: W entries, sorted.
    exemplars: names of the E exemplars, LEXICON/EXEMPLAR.
    word_of: (E,) int, each one's entry.
    embeddings: (E, D) float32.
    weights: fingerprint of the encoder that made them.
  """

  words: list[str]
  exemplars: list[str]
  word_of: Int[np.ndarray, " E"]
  embeddings: Float32[np.ndarray, "E D"]
  weights: str


def read_lexicons(sources: Sequence[tuple[pathlib.Path, pathlib.Path]]) -> Lexicon:
  """Reads lexicons.

  Args:
    sources: pairs of a table of `data.lexicon_table` and the folder of its exemplars' features. A
      lexicon is called after the table's folder.

  Raises:
    UserError: a damaged table; an exemplar without features, or with features of another width; two
      exemplars of one name.
  """
  found, weights = {}, set()
  for table, folder in sources:
    for row in lexicon_table.read(table):
      name = f"{table.absolute().parent.name}/{row.exemplar}"
      if name in found:
        raise UserError(f"{table}: there are two exemplars {name!r}, rename a lexicon's folder")
      path = feature_files.path_of(folder, clip_table.stem_of(row.exemplar))
      content = feature_files.read(path)
      weights.add(content.weights)
      if len(weights) > 1:
        raise UserError(
          f"{path} and other features of exemplars were made with different encoders: extract all "
          "with one"
        )
      rows = content.feature[feature_segments.inside(content, row.start, row.end)]
      found[name] = row.word.lower(), rows.astype(np.float32).mean(0)
  if not found:
    raise UserError("there are no exemplars to spot signs with: pass a lexicon")
  _check_widths({name: len(vector) for name, (_, vector) in found.items()})
  words = sorted({word for word, _ in found.values()})
  numbers = {word: number for number, word in enumerate(words)}
  return Lexicon(
    words,
    list(found),
    np.array([numbers[word] for word, _ in found.values()]),
    np.stack([vector for _, vector in found.values()]),
    weights.pop(),
  )


def _check_widths(widths):
  first = next(iter(widths))
  for name, width in widths.items():
    if width != widths[first]:
      raise UserError(
        f"the features of {name} have {width} columns and those of {first} {widths[first]}: "
        "extract all with one encoder"
      )


class Subtitle(NamedTuple):
  """A sentence, and the windows in which its words may be signed.

  Attributes:
    row: `clip_table.Row`.
    content: `feature_files.FeatureFile` that holds the windows.
    rows: slice of its windows.
    is_whole: whether the file is of the whole video, and not of the clip.
    candidates: entries of the lexicon.
  """

  row: clip_table.Row
  content: FeatureFile
  rows: slice
  is_whole: bool
  candidates: list[int]


class Spotted(NamedTuple):
  """A word of a subtitle, found in a window.

  Attributes:
    subtitle: `Subtitle`, without its windows' features.
    word: entry of the lexicon.
    window: row of the subtitle's feature file.
    exemplar: row of the lexicon's exemplars.
    score: the similarity.
  """

  subtitle: Subtitle
  word: int
  window: int
  exemplar: int
  score: float


class Counts:
  """What became of the subtitles of a corpus.

  Attributes:
    subtitles, without_words, outside, candidates, windows: numbers of subtitles, of those that
      have no word of the lexicon, and that lie behind the end of their video; of candidates, and of
      windows that were looked at.
  """

  def __init__(self):
    self.subtitles = self.without_words = self.outside = self.candidates = self.windows = 0


def spot(
  rows: Iterable[clip_table.Row], features: pathlib.Path, lexicon: Lexicon,
  candidates: Callable[[str], list[int]], *, threshold: float = 0.75, similarity: str = "cosine",
  pad: float = 0.0, counts: Counts | None = None,
) -> Iterator[Spotted]:
  """Finds, for each word of each subtitle, the window that is most like one of its exemplars.

  Args:
    rows: of the subtitles.
    features: folder of feature files, one for each clip, or one for each video.
    lexicon: `Lexicon` of the same encoder.
    candidates: function from a sentence to entries of the lexicon.
    threshold: a similarity must be greater.
    similarity: see `ops.spotting.as_similarity`.
    pad: seconds before and after a subtitle in which its words may be signed; needs features of
      whole videos.
    counts: is counted up.

  Yields:
    `Spotted`, in the order of the subtitles and then of the entries.

  Raises:
    UserError: a subtitle without features, features of another width, or `pad` with features of
      clips.
  """
  counts = counts or Counts()
  waiting = []

  def ask():
    for row in rows:
      found = candidates(row.sentence)
      counts.subtitles += 1
      counts.without_words += not found
      if not found:
        continue
      subtitle = _subtitle(row, features, pad, found)
      if subtitle is None:
        counts.outside += 1
        continue
      windows = subtitle.content.feature[subtitle.rows]
      if windows.shape[1] != lexicon.embeddings.shape[1]:
        raise UserError(
          f"the features of {row.name} have {windows.shape[1]} columns and those of the exemplars "
          f"{lexicon.embeddings.shape[1]}: extract all with one encoder"
        )
      if subtitle.content.weights != lexicon.weights:
        raise UserError(
          f"the features of {row.name} and those of the exemplars were made with different "
          "encoders: extract all with one"
        )
      counts.candidates += len(found)
      counts.windows += len(windows)
      empty = subtitle.content._replace(feature=np.zeros((0, 0), np.float32))
      waiting.append(subtitle._replace(content=empty))
      yield windows.astype(np.float32), np.array(found)

  dictionary = spotting.Dictionary(lexicon.embeddings, lexicon.word_of, len(lexicon.words))
  least = spotting.least_cosine(threshold, similarity)
  for best in dictionary.best(ask(), least):
    subtitle = waiting.pop(0)
    scores = spotting.as_similarity(best.cosine, similarity)
    # Where nothing was found, there is no window, however low the threshold.
    for place in np.flatnonzero((scores > threshold) & (best.window >= 0)):
      window = subtitle.rows.start + int(best.window[place])
      yield Spotted(
        subtitle, subtitle.candidates[place], window, int(best.exemplar[place]),
        float(scores[place]),
      )  # fmt: skip


def _subtitle(row, features, pad, candidates):
  """`Subtitle`, or None where the clip lies behind the end of its video."""
  own = feature_files.path_of(features, row.name)
  if own.is_file():
    if pad:
      raise UserError(
        f"{own} holds the clip alone, and pad={pad:g} looks beside it: extract features of whole "
        "videos, or leave it 0"
      )
    content = feature_files.read(own)
    return Subtitle(row, content, slice(0, len(content.feature)), False, candidates)
  whole = feature_files.path_of(features, clip_table.stem_of(row.video))
  if not whole.is_file():
    raise UserError(
      f"there are no features of {row.name} in {features} (neither {own.name} nor {whole.name}): "
      "extract them with `python -m sign_jax.extract`"
    )
  content = feature_files.read(whole)
  if row.start >= content.num_frames / (content.fps or feature_segments.FPS):
    return None
  rows = feature_segments.inside(content, max(row.start - pad, 0.0), row.end + pad)
  return Subtitle(row, content, rows, True, candidates)


def label(found: Spotted, lexicon: Lexicon, number: int, encoder: str, turn: int) -> Label:
  """The training annotation of a spotted word.

  Args:
    found: `Spotted`.
    lexicon: that it was found with.
    number: of the word's class.
    encoder: whose training it is for, a key of `spotted_clips.AROUND`: labels for "features" lie
      in feature files, and others in videos.
    turn: the round of spotting, from 1.
  """
  content = found.subtitle.content
  t = min(found.window * content.stride, content.num_frames - 1)
  name, start, end = place(
    found.subtitle.row, found.subtitle.is_whole, "dictionary", t, content, encoder
  )
  source = Provenance("dictionary", turn, lexicon.exemplars[found.exemplar])
  return Label(name, start, end, number, found.score, lexicon.words[found.word], None, source)


def place(
  row: clip_table.Row, is_whole: bool, kind: str, t: int, content: FeatureFile, encoder: str
) -> tuple[str, float, float]:
  """(video, start, end): where the windows of an annotation are, as a table of labels says it.

  Args:
    row: of the clip.
    is_whole: whether `content` is of the whole video, and not of the clip.
    kind, t: see `spotted_clips.interval`; t counts from the file's first frame.
    content: what holds the features.
    encoder: see `label`.
  """
  interval = spotted_clips.interval(kind, t, content.num_frames, encoder)
  start, end = spotted_clips.seconds(interval, content.fps or feature_segments.FPS)
  if encoder != "features":
    offset = 0.0 if is_whole else row.start
    return row.video, start + offset, min(end + offset, row.end if not is_whole else math.inf)
  return f"{clip_table.stem_of(row.video) if is_whole else row.name}.npz", start, end
