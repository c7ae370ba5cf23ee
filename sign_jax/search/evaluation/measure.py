"""An index against its data set: metrics of retrieval, and how well places are found."""

import pathlib
import tempfile

import numpy as np
from tqdm import tqdm

from sign_jax.errors import UserError, shown
from sign_jax.metrics import localisation, retrieval
from sign_jax.search import overlaps
from sign_jax.search.evaluation import films
from sign_jax.search.evaluation.split import Split
from sign_jax.search.index import Index


def metrics(index: Index, split: Split) -> dict[str, float]:
  """{"t2v/R@1": percent, ...} of a split's videos and sentences, as an evaluation has them.

  Raises:
    UserError: the index lacks videos of the split.
  """
  data, names = split.data, {name: row for row, name in enumerate(index.store.rows)}
  missing = [name for name in data.video_ids if name not in names]
  if missing:
    raise UserError(
        f"{index.store.folder} lacks {len(missing)} of the {len(data.video_ids)} videos of "
        f"{split.name}, such as {shown(missing[0])}: build it with --split {split.name}"
    )
  scores = index.similarity(data.sentence_texts)
  scores = scores[[names[name] for name in data.video_ids]]
  return retrieval.retrieval_metrics(scores, data.sentence_of_video, ties=split.ties)


def in_clips(index: Index, split: Split) -> dict[str, float]:
  """How well the place of each sentence is found in its own video; `localisation.summary`.

  Only the video's own clip is searched: this measures the place alone.
  """
  found, true, whole = [], [], []
  videos = [(n, video) for n, video in enumerate(split.videos) if video.signed]
  for number, video in tqdm(videos, "places in clips", unit="video", mininterval=1):
    name = split.data.video_ids[number]
    hit = _first(index, _text(split, number), name)
    entry = hit and hit.clip
    if hit and np.isfinite([hit.start, hit.end, entry.start, entry.end]).all():
      found.append((hit.start, hit.end))
      true.append(video.signed)
      whole.append((entry.start, entry.end))
  return localisation.summary(*map(_spans, (found, true, whole)))


def in_films(
    index: Index, split: Split, sentences: int = films.SENTENCES,
    length: overlaps.Length = overlaps.DEFAULT,
) -> dict[str, float]:
  """How well sentences are found in films that show several of them, see `films`.

  Args:
    index: of which the model is taken; films have an index of their own, for a while.
    split: `Split`.
    sentences: of a film.
    length: of its parts, see `overlaps.parts`.

  Returns:
    What `localisation.summary` says of the best hit in the film that shows the sentence, where
    "whole" is the part of the film that the hit is in; "film/..." of the whole film; and of
    searches in all films the share whose first hit is in a film that shows the sentence,
    "right_film", and overlaps by more than half with the place there, "right_place", in percent;
    and "films", their number.
  """
  made = list(films.films(split, sentences))
  if not made:
    return {"places": 0.0, "films": 0.0}
  with tempfile.TemporaryDirectory(prefix="sign_jax-") as folder:
    own = Index.create(pathlib.Path(folder) / "index", index.model)
    for film in tqdm(made, "films", unit="film", mininterval=1):
      films.add(own, film, split.name, length)
    return _searched(own, split, made) | {"films": float(len(made))}


def _searched(index, split, made):
  found, true, whole, film_spans = [], [], [], []
  for film in tqdm(made, "places in films", unit="film", mininterval=1):
    for number, signed in zip(film.videos, film.signed, strict=True):
      hit = _first(index, _text(split, number), film.name)
      found.append((hit.start, hit.end))
      true.append(signed)
      whole.append((hit.clip.start, hit.clip.end))
      film_spans.append((film.times[0, 0], film.times[-1, 1]))
  found, true, whole, film_spans = map(_spans, (found, true, whole, film_spans))
  numbers = localisation.summary(found, true, whole)
  values = localisation.overlaps(film_spans, true)
  numbers["film/overlap"] = 100 * float(values.mean())
  numbers["film/above_half"] = 100 * float((values > localisation.HALF).mean())
  return numbers | _right(index, split, made)


def _right(index, split, made):
  """{"right_film", "right_place"}: percent of the sentences whose first hit in all films is so."""
  places = {}
  for film in made:
    for number, signed in zip(film.videos, film.signed, strict=True):
      places.setdefault(_text(split, number), []).append((film.name, signed))
  firsts = [answer.hits[0] for answer in index.search(list(places), 1)]
  rows = []
  for hit, known in zip(firsts, places.values(), strict=True):
    true = [signed for name, signed in known if name == hit.clip.source]
    values = localisation.overlaps(_spans([(hit.start, hit.end)] * len(true)), _spans(true))
    rows.append((bool(true), bool((values > localisation.HALF).any())))
  film, place = 100 * np.mean(rows, axis=0)
  return {"right_film": float(film), "right_place": float(place)}


def _text(split, number):
  return split.data.sentence_texts[split.data.sentence_of_video[number]]


def _first(index, text, source):
  """The best hit of a video, None where there is none."""
  (answer,) = index.search(text, 1, only={"source": source})
  return answer.hits[0] if answer.hits else None


def _spans(rows):
  return np.array(rows, np.float64).reshape(-1, 2)
