"""A search says where in a film of several sentences each of them is signed.

The tokens of the films are made by hand: while a sentence is signed, each window's token is that of
one of its words, with noise. The text tower, the scores, the cutting, the search and the places are
those of every index.
"""

import numpy as np
import pytest

import sign_jax
from sign_jax.api.retrieval import EncodedVideos
from sign_jax.metrics import localisation
from sign_jax.search import overlaps
from sign_jax.search.entries import Entry
from tests.search import runs

pytestmark = pytest.mark.usefixtures("quick_compile")

LENGTH = 24  # windows of a part
WINDOWS = 6  # of a sentence
STEP, WINDOW = 0.25, 0.64  # seconds
FILMS = {
    "monday": [
        "Rain in the north.", "Snow falls tomorrow.", "The sun shines.", "Strong wind blows.",
        "Clouds over the coast.", "It was hot.", "Thunder at night.", "Fog on Sunday.",
    ],
    "friday": [
        "My sister reads.", "We eat bread.", "A dog sleeps.", "The train is late.",
        "Who has called?", "Father cooks soup.", "Children play outside.", "I am tired.",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def model(data_dir, tmp_path_factory):
  folder = tmp_path_factory.mktemp("localisation") / "run"
  runs.make(folder, "cico", data_dir, changes={"data.video_length": LENGTH})
  return sign_jax.load(folder)


def film(model, sentences, rng):
  """(tokens (n, D) of a film's windows, their times (n, 2))."""
  words = model.encode_texts(sentences).tokens
  tokens = []
  for features, mask in zip(words.features, words.mask, strict=True):
    own = features[mask] / np.linalg.norm(features[mask], axis=-1, keepdims=True)
    tokens.append(own[np.arange(WINDOWS) * len(own) // WINDOWS])
  tokens = np.concatenate(tokens)
  tokens += 0.5 * rng.standard_normal(tokens.shape) / np.sqrt(tokens.shape[-1])
  starts = STEP * np.arange(len(tokens))
  return tokens, np.stack([starts, starts + WINDOW], 1)


def add(index, name, tokens, times):
  """Adds a film as an archive's long videos are: in parts."""
  slices = overlaps.parts(times, overlaps.Length(windows=LENGTH))
  (width,) = index.model.trained.inputs["video"][0][-1:]
  made = index.model.encode_videos([np.zeros((len(times[x]), width), np.float32) for x in slices])
  features = np.array(made.tokens.features)
  for own, part in zip(features, slices, strict=True):
    first = features.shape[1] - LENGTH  # behind the class token
    own[first : first + len(tokens[part])] = tokens[part]
  made = EncodedVideos(made.tokens.replace(features=features))
  clips = [Entry(f"{name}#{n}", name) for n in range(1, len(slices) + 1)]
  index.add(made, clips, [times[x] for x in slices])
  return len(slices)


@pytest.fixture(scope="module")
def searched(model, tmp_path_factory):
  """[(film, the true place, the best hit)] of every sentence, searched for in all films."""
  rng = np.random.default_rng(0)
  index = sign_jax.Index.create(tmp_path_factory.mktemp("films") / "index", model)
  for name, sentences in FILMS.items():
    assert add(index, name, *film(model, sentences, rng)) > 2
  found = []
  for name, sentences in FILMS.items():
    for number, answer in enumerate(index.search(sentences, 1)):
      first = number * WINDOWS
      place = STEP * first, STEP * (first + WINDOWS - 1) + WINDOW
      found.append((name, place, answer.hits[0]))
  return found


def test_a_place_beats_the_middle_and_the_whole_of_a_part_of_several_sentences(searched):
  found, true, whole = (
      np.array(x) for x in zip(
          *(((hit.start, hit.end), place, (hit.clip.start, hit.clip.end))
            for _, place, hit in searched), strict=True,
      )
  )  # fmt: skip
  assert (whole[:, 1] - whole[:, 0] > 3 * (true[:, 1] - true[:, 0]) - WINDOW).all()
  numbers = localisation.summary(found, true, whole)
  assert numbers["found/overlap"] > numbers["middle/overlap"] + 30
  assert numbers["found/overlap"] > numbers["whole/overlap"] + 30
  assert numbers["found/above_half"] > 75 > 50 > numbers["middle/above_half"]


def test_the_film_is_found_and_the_middle_of_a_hit_lies_in_the_sentence(searched):
  assert all(hit.clip.source == name for name, _, hit in searched)
  inside = [begin < (hit.start + hit.end) / 2 < end for _, (begin, end), hit in searched]
  assert np.mean(inside) > 0.8


def test_places_elsewhere_are_no_better_than_the_middle(searched):
  """The measure itself: the places of other sentences of the film do not pass for the true ones."""
  found, true = (np.array(x) for x in zip(
      *(((hit.start, hit.end), place) for _, place, hit in searched), strict=True))  # fmt: skip
  wrong = localisation.summary(found, np.roll(true, 3, axis=0), found)
  assert wrong["found/above_half"] < 25
