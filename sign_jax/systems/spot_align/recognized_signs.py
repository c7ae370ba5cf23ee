"""SR: text-based retrieval by the signs that an encoder recognises (SPOT-ALIGN, section 3.4).

A video stands for the lemmas of its recognised signs, a sentence for those of its words; their
similarity is the share that both have of what either has.
"""

from collections.abc import Sequence
from typing import Any

import ml_collections
import numpy as np
from jaxtyping import Float32

from sign_jax.data import class_list, recognized_files, subtitle_words, translations, words
from sign_jax.data.recognized_files import Recognized
from sign_jax.errors import UserError
from sign_jax.files import existing_file, existing_folder, user_path
from sign_jax.ops.set_overlap import jaccard

_OPTION = "--config.sr.{}".format


def similarity(
    config: ml_collections.ConfigDict, data: Any
) -> Float32[np.ndarray, "V S"]:
  """Similarities of all videos and sentences of a split, in [0, 1].

  Args:
    config: the whole configuration; lemmas are those of `model.text`.
    data: `data.source.RetrievalSplit`.

  Raises:
    UserError: files that `config.sr` names are missing or damaged, or of other videos.
  """
  sr, text = config.sr, config.model.text
  lemma = words.lemmatizer(text.lemmas if sr.lemmatize else words.NONE, text.language)
  texts = _translated(sr, data) if sr.source == "translation" else _recognized(sr, data)
  return overlap(
      [subtitle_words.lemmas(said, lemma) for said in texts],
      [subtitle_words.lemmas([text], lemma) for text in data.sentence_texts],
  )


def overlap(
    videos: Sequence[frozenset[str]], sentences: Sequence[frozenset[str]]
) -> Float32[np.ndarray, "V S"]:
  """(V, S): the share of common words of each pair of sets, 0 for two empty ones."""
  order = sorted(frozenset().union(*videos, *sentences))
  if not order:
    return np.zeros((len(videos), len(sentences)), np.float32)
  sets = (subtitle_words.indicators(x, order) for x in (videos, sentences))
  return np.asarray(jaccard(*sets))


def seen(found: Recognized, names: Sequence[str], threshold: float) -> list[str]:
  """The names of the classes that some window shows, each once, sorted.

  Args:
    found: of a video.
    names: of the classes.
    threshold: least probability of a window's class.

  Raises:
    UserError: a class without a name.
  """
  classes = np.unique(found.label[found.score >= threshold])
  if len(classes) and classes[-1] >= len(names):
    raise UserError(f"class {classes[-1]} was recognised, and {len(names)} classes have names")
  return [names[number] for number in classes]


def _recognized(sr, data):
  folder = existing_folder(
      user_path(sr.recognized), _OPTION("recognized"),
      "pass the folder that sign_jax.extract --recognized has written",
  )
  names = class_list.read(user_path(sr.classes), _OPTION("classes"))
  for video_id in data.video_ids:
    found = recognized_files.read(recognized_files.path_of(folder, video_id))
    yield seen(found, names, sr.threshold)


def _translated(sr, data):
  path = existing_file(
      user_path(sr.translations), _OPTION("translations"), "pass a table video,translation"
  )
  return ([text] for text in translations.of_videos(path, data.video_ids))
