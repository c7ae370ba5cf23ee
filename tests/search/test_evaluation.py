"""An index measured on its data set: the evaluation's metrics, and places against the truth."""

import json
import types

import numpy as np
import pytest

import sign_jax
from sign_jax.errors import UserError
from sign_jax.search import __main__ as program
from sign_jax.search import filling, overlaps, sources
from sign_jax.search.evaluation import films, measure, split
from sign_jax.search.hits import Answer, Hit
from tests.search import runs

pytestmark = pytest.mark.usefixtures("quick_compile")


@pytest.fixture(scope="module", params=["upret", "spot_align"])
def made(request, data_dir, tmp_path_factory):
  """(folder of the run, index of its test split, task, variables)."""
  folder = tmp_path_factory.mktemp(request.param)
  task, variables = runs.make(folder / "run", request.param, data_dir)
  index = sign_jax.Index.create(folder / "index", folder / "run")
  total, videos = sources.of_split(index.model, "test")
  filling.fill(index, videos, total)
  return folder / "run", index, task, variables


@pytest.fixture(scope="module")
def found(made):
  return split.read(made[1].model, "test")


def test_metrics_are_the_evaluations(made, found, tmp_path):
  _, index, task, variables = made
  results = task.evaluate(variables, "test", lambda batch: batch)
  numbers = measure.metrics(index, found)
  assert numbers == pytest.approx({name: results[name] for name in numbers})
  copy = index.snapshot(tmp_path / "copy")
  copy.remove([found.data.video_ids[2]])
  with pytest.raises(UserError, match="lacks 1 of the 11 videos of test, such as"):
    measure.metrics(copy, found)


def test_signed_times_are_those_of_the_records(found):
  assert len(found.videos) == len(found.data.video_ids)
  for video, count in zip(found.videos, found.data.windows, strict=True):
    begin, end = video.signed
    assert 0 <= begin < end <= video.seconds and len(video.times) == count and video.signer
    assert video.times[0, 0] == 0 and video.times[-1, 1] <= video.seconds + 1e-9


def test_films_show_the_videos_of_a_signer_in_a_row(found):
  made = list(films.films(found, 3))
  assert sorted(n for film in made for n in film.videos) == list(range(len(found.videos)))
  assert len({film.name for film in made}) == len(made)
  longest = max(made, key=lambda film: len(film.videos))
  assert len(longest.videos) == 3
  for film in made:
    assert {found.videos[n].signer for n in film.videos} == {film.signer}
    assert {len(x) for x in film.features.values()} == {len(film.times)}
    assert (np.diff(film.times[:, 0]) > 0).all()
  lengths = [found.videos[n].seconds for n in longest.videos]
  own = np.array([found.videos[n].signed for n in longest.videos])
  np.testing.assert_allclose(longest.signed, own + np.cumsum([0, *lengths[:-1]])[:, None])
  second = int(found.data.windows[longest.videos[0]])
  (rows,) = found.data.stored_features(longest.videos[1:2], 1000)
  for name, features in longest.features.items():
    np.testing.assert_array_equal(features[second : second + len(rows[name])], rows[name])


class Knowing:
  """Stands in for an index: it finds each sentence where `places` says, (film, begin, end)."""

  def __init__(self, places):
    self._places = places

  def search(self, texts, k, only=None):
    found = []
    for text in [texts] if isinstance(texts, str) else texts:
      name, begin, end = next(
          x for x in self._places[text] if not only or x[0] == only["source"]
      )
      clip = types.SimpleNamespace(source=name, start=0.0, end=end + 1)
      found.append(Answer(text, [Hit(clip, 0.0, begin, end)], 1, 1, 0.0))
    return found


def test_a_search_that_knows_is_right_and_one_that_does_not_is_wrong(found):
  made = list(films.films(found, 3))
  places = {}
  for film in made:
    for number, signed in zip(film.videos, film.signed, strict=True):
      places.setdefault(measure._text(found, number), []).append((film.name, *signed))
  numbers = measure._searched(Knowing(places), found, made)
  assert numbers["found/overlap"] == pytest.approx(100)
  assert numbers["right_film"] == numbers["right_place"] == 100
  assert numbers["places"] == len(found.videos) and numbers["middle/overlap"] < 100
  late = {text: [(n, b + 100, e + 100) for n, b, e in x] for text, x in places.items()}
  wrong = measure._searched(Knowing(late), found, made)
  assert wrong["found/overlap"] == wrong["found/above_half"] == wrong["right_place"] == 0
  assert wrong["right_film"] == 100
  assert wrong["film/overlap"] == numbers["film/overlap"] > 0


def test_places_in_films_and_clips(made, found):
  _, index, _, _ = made
  if not index.model.trained.system.late_interaction:
    return
  in_clips = measure.in_clips(index, found)
  assert in_clips["places"] == len(found.videos) and in_clips["whole/overlap"] > 50
  in_films = measure.in_films(index, found, 3)
  assert in_films["places"] == len(found.videos) and in_films["films"] >= 4
  for numbers in (in_clips, in_films):
    assert all(0 <= value <= 100 for name, value in numbers.items() if "/" in name)
  assert in_films["film/overlap"] <= in_clips["whole/overlap"]
  assert 0 <= in_films["right_place"] <= in_films["right_film"] <= 100
  short = measure.in_films(index, found, 3, overlaps.Length(1.5))
  assert short["film/overlap"] == in_films["film/overlap"]
  assert short["whole/overlap"] != in_films["whole/overlap"]  # the parts are shorter


def test_parts_of_a_film_lie_in_it(made, found, tmp_path):
  _, index, _, _ = made
  own = sign_jax.Index.create(tmp_path / "index", index.model)
  film = max(films.films(found, 6), key=lambda x: x.times[-1, 1])
  films.add(own, film, "test", overlaps.Length(2.0))
  entries = [own.store.entry(row) for row in range(len(own))]
  assert len(entries) == len(overlaps.parts(film.times, overlaps.Length(2.0))) > 1
  assert {x.source for x in entries} == {film.name} and entries[0].start == 0
  assert entries[-1].end == pytest.approx(film.times[-1, 1])


def test_the_program(made, tmp_path, capsys):
  run, index, task, variables = made
  results = task.evaluate(variables, "test", lambda batch: batch)
  path = run / "results.json"
  path.write_text(json.dumps({f"test/{name}": value for name, value in results.items()}))
  args = ["evaluate", "--index", str(index.store.folder), "--workdir", str(run), "--sentences", "3",
          "--json", str(tmp_path / "new.json")]  # fmt: skip
  program.main(args)
  out = capsys.readouterr().out
  content = json.loads((tmp_path / "new.json").read_text())
  assert f"{results['t2v/R@5']:.2f}" in out and "the same as in results.json" in out
  assert content["metrics"] == pytest.approx({name: results[name] for name in content["metrics"]})
  if index.model.trained.system.late_interaction:
    assert "films of up to 3 sentences" in out and "clips of one sentence" in out
    assert content["places"]["clips of one sentence"]["places"] == 11
  else:
    assert "finds no places" in out and content["places"] == {}
  path.write_text(json.dumps({"test/t2v/R@1": -1.0}))
  program.main(args)
  assert "results.json has others: t2v/R@1 is -1.00 there" in capsys.readouterr().out
  for name in ("--sentences", "--part"):
    with pytest.raises(SystemExit):
      program.main([*args, name, "0"])
    assert f"{name} 0 must be" in capsys.readouterr().err
