"""Spotting in tiles against the simple computation, with ties, gaps and subtitles of any length."""

import numpy as np
import pytest

from sign_jax.ops import set_overlap, spotting

DIM = 8


def unit(x):
  return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def simple(windows, candidates, exemplars, entry_of):
  """[(cosine, window, exemplar)] of one subtitle: windows first, then their best exemplar."""
  found = []
  for entry in candidates:
    rows = np.flatnonzero(entry_of == entry)
    similarity = unit(windows) @ unit(exemplars[rows]).T
    if not len(windows):
      found.append((-1, -1, -1))
      continue
    window = similarity.max(1).argmax()
    found.append((similarity[window].max(), window, rows[similarity[window].argmax()]))
  return found


def case(seed, lengths, entries=7, most=90):
  rng = np.random.default_rng(seed)
  entry_of = np.concatenate([np.arange(entries), rng.integers(0, entries, most)])
  rng.shuffle(entry_of)
  exemplars = rng.standard_normal((len(entry_of), DIM)).astype(np.float32)
  subtitles = [
      (rng.standard_normal((n, DIM)).astype(np.float32),
       np.flatnonzero(rng.random(entries) < 0.6))
      for n in lengths
  ]
  return subtitles, exemplars, entry_of


@pytest.mark.parametrize("max_elements", [1, 1 << 22])
def test_every_subtitle_has_its_best_windows(max_elements):
  # Shorter and longer than a tile, some without windows or candidates; entries with more exemplars
  # than a tile has.
  lengths = [5, 0, 64, 65, 200, 1, 700, 7, *[1] * 40]
  subtitles, exemplars, entry_of = case(0, lengths, entries=2, most=600)
  subtitles[5] = (subtitles[5][0], np.zeros(0, int))
  dictionary = spotting.Dictionary(exemplars, entry_of, 2, max_elements)
  found = list(dictionary.best(iter(subtitles)))
  assert len(found) == len(subtitles)
  for best, (windows, candidates) in zip(found, subtitles, strict=True):
    expected = simple(windows, candidates, exemplars, entry_of)
    assert [(w, e) for _, w, e in expected] == list(zip(best.window, best.exemplar, strict=True))
    np.testing.assert_allclose(best.cosine, [c for c, _, _ in expected], atol=1e-6)


def test_of_equal_windows_and_exemplars_the_first_counts():
  rng = np.random.default_rng(1)
  exemplars = rng.standard_normal((4, DIM)).astype(np.float32)
  exemplars[3] = exemplars[1]  # both of entry 1
  windows = np.repeat(rng.standard_normal((1, DIM)).astype(np.float32), 150, 0)
  windows[[70, 140]] = 2 * exemplars[1]
  dictionary = spotting.Dictionary(exemplars, np.array([0, 1, 0, 1]), 2)
  (best,) = dictionary.best([(windows, np.array([1, 0]))])
  assert best.window[0] == 70 and best.exemplar[0] == 1
  assert best.cosine[0] == pytest.approx(1, abs=1e-6) and best.cosine[0] <= 1
  assert best.window[1] in (0, 70)


def test_windows_are_asked_for_as_they_are_needed():
  subtitles, exemplars, entry_of = case(2, [64] * 40)
  asked = []

  def ask():
    for number, subtitle in enumerate(subtitles):
      asked.append(number)
      yield subtitle

  stream = spotting.Dictionary(exemplars, entry_of, 7, max_elements=1).best(ask())
  next(stream)
  assert len(asked) < 10


@pytest.fixture(params=[True, False])
def quick(request, monkeypatch):
  """Whether similarities are first computed in bfloat16."""
  monkeypatch.setattr(spotting, "_is_bfloat16_quick", lambda: request.param)
  return request.param


# Many, some and no windows exceed these.
@pytest.mark.parametrize("least", [-0.5, 0.3, 0.9])
def test_only_what_exceeds_the_least_is_found(quick, least):
  subtitles, exemplars, entry_of = case(3, [5, 0, 64, 65, 200, 700, 7, *[1] * 40], 40, 300)
  dictionary = spotting.Dictionary(exemplars, entry_of, 40)
  above = 0
  for best, (windows, candidates) in zip(
    dictionary.best(iter(subtitles), least), subtitles, strict=True
  ):
    expected = [
      (c, w, e) if c > least else (-1, -1, -1)
      for c, w, e in simple(windows, candidates, exemplars, entry_of)
    ]
    above += sum(w >= 0 for _, w, _ in expected)
    assert [(w, e) for _, w, e in expected] == list(zip(best.window, best.exemplar, strict=True))
    np.testing.assert_allclose(best.cosine, [c for c, _, _ in expected], atol=1e-6)
  assert above > 0


def test_few_that_exceed_are_computed_alone(monkeypatch):
  monkeypatch.setattr(spotting, "_is_bfloat16_quick", lambda: True)
  monkeypatch.setattr(spotting.Dictionary, "_begin", None)  # all of them in float32
  rng = np.random.default_rng(4)
  exemplars = rng.standard_normal((300, 200)).astype(np.float32)
  windows = rng.standard_normal((100, 200)).astype(np.float32)
  windows[[40, 70]] += 2 * exemplars[7]
  windows[70] = windows[40]
  dictionary = spotting.Dictionary(exemplars, np.arange(300), 300)
  (best,) = dictionary.best([(windows, np.arange(300))], 0.75)
  assert np.flatnonzero(best.window >= 0).tolist() == [7]
  ((cosine, *_),) = simple(windows, [7], exemplars, np.arange(300))
  assert best.window[7] == 40 and best.cosine[7] == pytest.approx(cosine, abs=1e-6)


def test_windows_that_are_no_numbers_hide_no_other(quick):
  exemplars = np.eye(4, dtype=np.float32)
  windows = np.full((6, 4), np.nan, np.float32)
  windows[5] = exemplars[2]
  dictionary = spotting.Dictionary(exemplars, np.arange(4), 4)
  (best,) = dictionary.best([(windows, np.arange(4))], 0.75)
  assert best.window.tolist() == [-1, -1, 5, -1] and best.cosine[2] == pytest.approx(1)


@pytest.mark.parametrize("width", [3, 64, 200, 1024])
def test_of_equal_windows_the_first_counts_beside_any_others(monkeypatch, width):
  monkeypatch.setattr(spotting, "_is_bfloat16_quick", lambda: True)
  monkeypatch.setattr(spotting, "_MOST_HITS", 1)
  rng = np.random.default_rng(width)
  exemplars = rng.standard_normal((30, width)).astype(np.float32)
  # The second and third slot have other windows that are alike, and so products of other sizes.
  windows = np.zeros((4 * spotting._SLOT, width), np.float32)
  at = [place * spotting._SLOT + 9 for place in range(4)]
  windows[at] = exemplars[0] + 0.1 * rng.standard_normal(width).astype(np.float32)
  windows[[at[1] + 1, at[1] + 2, *range(at[2] + 1, at[2] + 20)]] = exemplars[1:22]
  dictionary = spotting.Dictionary(exemplars, np.arange(30), 30)
  (best,) = dictionary.best([(windows, np.arange(30))], 0.75)
  assert best.window[0] == at[0]


@pytest.mark.parametrize("width", [1, 3, 64, 1024])
def test_the_error_of_bfloat16_is_less_than_is_allowed_for(width):
  rng = np.random.default_rng(width)
  windows = rng.standard_normal((spotting._SLOT, width)).astype(np.float32)
  # Alike to any degree: near -1 and 1 errors are largest.
  exemplars = np.concatenate([windows, -windows, windows + rng.normal(0, 0.3, windows.shape)])
  unit = [np.asarray(spotting._unit(x.astype(np.float32))) for x in (windows, exemplars)]
  starts = np.arange(len(windows), dtype=np.int32)
  rough = spotting._screen(
    *(unit[0].astype("bfloat16"), starts, np.ones_like(starts)),
    unit[1].astype("bfloat16"), np.arange(len(exemplars), dtype=np.int32),
  )
  apart = np.abs(np.asarray(rough) - np.float64(unit[0]) @ np.float64(unit[1]).T).max()
  assert 0 < apart < spotting._ERROR + spotting._ERROR_PER_COLUMN * width


def test_a_device_says_whether_it_is_quick(monkeypatch):
  monkeypatch.setattr(spotting.jax, "default_backend", lambda: "cpu")
  spotting._is_bfloat16_quick.cache_clear()
  monkeypatch.setattr(spotting.pathlib.Path, "read_text", lambda path: "flags : avx2 avx512_bf16")
  assert spotting._is_bfloat16_quick()
  spotting._is_bfloat16_quick.cache_clear()
  monkeypatch.setattr(spotting.pathlib.Path, "read_text", lambda path: "flags : avx2")
  assert not spotting._is_bfloat16_quick()
  spotting._is_bfloat16_quick.cache_clear()


def test_windows_of_zeros_are_like_nothing():
  dictionary = spotting.Dictionary(np.ones((1, DIM), np.float32), np.array([0]), 1)
  (best,) = dictionary.best([(np.zeros((3, DIM), np.float32), np.array([0]))])
  assert (best.cosine[0], best.window[0], best.exemplar[0]) == (0, 0, 0)


def test_a_candidate_without_exemplars_is_refused():
  dictionary = spotting.Dictionary(np.ones((1, DIM), np.float32), np.array([0]), 2)
  with pytest.raises(ValueError, match="no exemplar"):
    list(dictionary.best([(np.ones((3, DIM), np.float32), np.array([1]))]))


def test_the_similarity_is_a_cosine_or_its_place_between_0_and_1():
  cosine = np.float32([-1, 0, 0.5])
  assert spotting.as_similarity(cosine, "cosine").tolist() == [-1, 0, 0.5]
  assert spotting.as_similarity(cosine, "unit").tolist() == [0, 0.5, 0.75]
  assert spotting.least_cosine(0.75, "cosine") == pytest.approx(0.75, abs=2e-6)
  assert spotting.least_cosine(0.75, "unit") == pytest.approx(0.5, abs=2e-6)
  for function, value in ((spotting.as_similarity, cosine), (spotting.least_cosine, 0.5)):
    with pytest.raises(ValueError, match="unknown similarity"):
      function(value, "angle")


def test_overlap_of_sets():
  a = np.array([[1, 1, 0], [0, 0, 0]], bool)
  b = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 0]], bool)
  expected = [[1 / 3, 1, 0], [0, 0, 0]]
  np.testing.assert_allclose(set_overlap.jaccard(a, b), expected, rtol=1e-6)
