"""The whole way from films to a page, once, at the smallest size; programs quickly compiled."""

import json

import pytest

from data_builders.signing_sim import broadcasts
from launch import search_example, search_truth, search_videos, stages
from sign_jax.data import clip_table
from sign_jax.data.clip_table import Row
from sign_jax.errors import UserError
from sign_jax.search.entries import Entry
from sign_jax.search.hits import Answer, Hit
from sign_jax.search.index import Index
from sign_jax.video import frames
from tests import program


def start(self, *command):
  """In the place of a process that compiles for speed."""
  status, out, err = program.run(*command)
  assert status == 0, f"{command}\n{out}\n{err}"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
  """(the folder of a whole example, its table)."""
  root = tmp_path_factory.mktemp("search")
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(stages.Stages, "start", start)
    search_example.main(["--folder", str(root), "--size", "tiny", "--no_page"])
  return root, (root / "table.txt").read_text()


@pytest.fixture
def asked(monkeypatch):
  """The commands of steps that are not there yet; none of them is run."""
  found = []
  monkeypatch.setattr(stages.Stages, "start", lambda self, *command: found.append(command))
  return found


def test_every_film_is_in_the_index_and_hits_lie_in_the_films(made):
  root, _ = made
  index = Index.open(root / "index", root / "retrieval")
  films = {path.name: frames.probe(path) for path in (root / "archive" / "films").glob("*.mp4")}
  (answer,) = index.search(["Rain in the north."], k=100)
  assert {hit.clip.source for hit in answer.hits} == set(films) and answer.is_certified
  for hit in answer.hits:
    info = films[hit.clip.source]
    assert 0 <= hit.start < hit.end <= info.num_frames / info.fps + 1e-6


def test_the_end_shows_a_search_and_how_many_are_found(made):
  root, table = made
  results = json.loads((root / "results.json").read_text())
  assert results["sentences"] >= 1 and 0 <= results["found/1"] <= results["found/5"] <= 100
  assert 0 < results["at_random/1"] < results["at_random/5"] < 100
  rows = clip_table.read(root / "archive" / broadcasts.CAPTIONS).rows
  (row, *_) = [x for x in rows if x.split == "test"]
  assert f"it is signed in {row.video} from " in table
  assert "one of the first 5" in table and "have no subtitles" in table


def test_what_is_done_stays(made, asked):
  root, _ = made
  for _, step in search_example.Example(root, "tiny").steps():
    step()
  assert [command[0] for command in asked] == ["data_builders.build"]  # which looks by itself


def test_an_index_that_is_begun_is_gone_on_with(made, asked):
  root, _ = made
  mark = root / "indexed"
  mark.unlink()
  search_example.Example(root, "tiny").fill_index()
  assert asked[0][:2] == ("sign_jax.search", "add") and mark.exists()


def test_a_folder_of_another_size_is_refused(made, asked):
  with pytest.raises(UserError, match="made with other settings .*--config tiny.*now.*example"):
    search_example.Example(made[0], "example").film()
  assert not asked


def test_a_folder_of_videos_is_indexed_and_then_added_to(made, tmp_path, monkeypatch, capsys):
  root, _ = made
  served, videos = [], tmp_path / "my vidéos"
  monkeypatch.setattr(search_videos, "serve", lambda *given: served.append(given))
  videos.mkdir()
  first, second, *_ = sorted((root / "archive" / "films").glob("*.mp4"))
  (videos / "a.mp4").write_bytes(first.read_bytes())
  (videos / "broken.mp4").write_bytes(first.read_bytes()[:1000])
  options = [
    "--videos", str(videos), "--workdir", str(root / "retrieval"), "--weights",
    str(root / "encoder"), "--stride", "16", "--index", str(tmp_path / "index"), "--port", "7",
  ]  # fmt: skip
  search_videos.main(options)
  out = capsys.readouterr().out
  assert "broken: " in out and "shows what could be read" in out
  (videos / "broken.mp4").write_bytes(second.read_bytes())
  search_videos.main([*options, "--no_page"])
  assert "there already" in capsys.readouterr().out
  index = Index.open(tmp_path / "index", root / "retrieval")
  (answer,) = index.search(["Rain."], k=100)
  assert {hit.clip.source for hit in answer.hits} == {"a.mp4", "broken.mp4"}
  assert served == [(tmp_path / "index", root / "retrieval", videos, 7)]


def test_a_folder_that_is_not_there_leaves_no_index(made, tmp_path, capsys):
  with pytest.raises(SystemExit):
    search_videos.main([
      "--videos", str(tmp_path / "none"), "--workdir", str(made[0] / "retrieval"),
      "--index", str(tmp_path / "index"), "--random_weights",
    ])  # fmt: skip
  assert "--videos" in capsys.readouterr().err and not (tmp_path / "index").exists()


def hit(source, start, end):
  return Hit(Entry("x", source), 0.5, start, end)


def test_a_hit_is_right_where_its_middle_lies_in_the_sentence():
  row = Row(0, "a.mp4", "a", 10.0, 15.0, "Rain.")
  answer = lambda *hits: Answer("Rain.", list(hits), 9, 9, 0.0)
  wrong = [hit("b.mp4", 10.0, 15.0), hit("a.mp4", 4.0, 15.0), hit("a.mp4", 14.0, 16.0)]
  assert search_truth.rank(row, answer(*wrong)) is None
  assert search_truth.rank(row, answer(*wrong, hit("a.mp4", 4.0, 17.0))) == 4
  # Of two sentences one is found, third; each is a tenth and a fifth of all films.
  other = Row(0, "b.mp4", "b", 0.0, 10.0, "Snow.")
  found = search_truth.measure(
    [row, other], [answer(*wrong[:2], hit("a.mp4", 11.0, 12.0)), answer()], 50.0)
  assert found == {
    "sentences": 2, "found/1": 0.0, "found/5": 50.0, "at_random/1": pytest.approx(15.0),
    "at_random/5": pytest.approx(100 * (1 - 0.85**5)),
  }  # fmt: skip
  assert search_truth.seconds([row, other, row._replace(end=12.0)]) == 25.0
