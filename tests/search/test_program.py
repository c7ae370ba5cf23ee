"""`python -m sign_jax.search`: what it makes, prints and refuses."""

import json
import math
import types
import urllib.parse

import numpy as np
import pytest

import sign_jax
from sign_jax.data import clip_table, feature_files
from sign_jax.encoder import preparation
from sign_jax.encoder import weights as encoder_weights
from sign_jax.encoder import windows as encoder_windows
from sign_jax.search import report, sources
from sign_jax.search.entries import Entry
from sign_jax.search.hits import Answer, Hit
from sign_jax.video import boxes
from tests.search import runs
from tests.videos import render, truncate

pytestmark = pytest.mark.usefixtures("quick_compile")
STRIDE = 4


@pytest.fixture(scope="module")
def run(data_dir, tmp_path_factory):
  folder = tmp_path_factory.mktemp("run")
  runs.make(folder, "cico", data_dir)
  return folder


@pytest.fixture(scope="module")
def width(run):
  return sign_jax.load(run).trained.inputs["video"][0][-1]


@pytest.fixture(scope="module")
def built(run, tmp_path_factory):
  """An index of the test split."""
  folder = tmp_path_factory.mktemp("built") / "index"
  assert runs.call("build", "--index", folder, "--workdir", run, "--split", "test") == 0
  return folder


def rows(out):
  """{what: number} of the table of `build`."""
  pairs = (line.rsplit(None, 1) for line in out.splitlines() if line[:1].isalpha())
  return {name: int(number) for name, number in pairs}


def test_a_split_is_indexed_once(built, run, capsys):
  index = ("--index", built, "--workdir", run)
  assert runs.call("add", *index, "--split", "test") == 0
  count = len(sign_jax.Index.open(built))
  assert rows(capsys.readouterr().out) == {
      "added": 0, "there already": count, "failed": 0, "clips of these": 0,
      "clips in the index": count,
  }
  assert runs.call("build", *index, "--split", "test") == 1
  assert "holds an index already: add to it" in capsys.readouterr().err


def test_queries_are_answered_in_tables_and_files(built, run, tmp_path, capsys):
  (tmp_path / "list.txt").write_text("My friend eats.\n\n snow \n", encoding="utf-8")
  index = ("query", "--index", built, "--workdir", run, "--top", 3)
  more = ("--json", tmp_path / "hits.json", "--trec", tmp_path / "new/run.txt")
  assert runs.call(*index, "It will rain.", "--queries", tmp_path / "list.txt", *more) == 0
  out = capsys.readouterr().out
  assert out.count("the exact best: ") == 3 and out.count("clips scored exactly") == 3
  found = json.loads((tmp_path / "hits.json").read_text())
  assert [x["text"] for x in found] == ["It will rain.", "My friend eats.", "snow"]
  expected = sign_jax.Index.open(built, run).search([x["text"] for x in found], 3)
  for entry, answer in zip(found, expected, strict=True):
    assert entry["certified"] and [x["name"] for x in entry["hits"]] == [
        hit.name for hit in answer.hits
    ]
    assert all(x["start"] < x["end"] and x["curve"] for x in entry["hits"])
    assert f"{answer.hits[0].score:.4f}" in out
  lines = [line.split() for line in (tmp_path / "new/run.txt").read_text().splitlines()]
  assert [(x[0], x[1], x[3], x[5]) for x in lines] == [
      (str(query), "Q0", str(rank), "cico") for query in (1, 2, 3) for rank in (1, 2, 3)
  ]
  assert lines[0][2] == expected[0].hits[0].name
  assert runs.call(*index, "snow", "--json", "-", "--only_split", "test") == 0
  assert json.loads(capsys.readouterr().out)[0]["text"] == "snow"


def test_damage_is_named(built, run, tmp_path, capsys):
  copy = sign_jax.Index.open(built).snapshot(tmp_path / "copy").store
  assert runs.call("verify", "--index", copy.folder) == 0
  assert "files of 11 clips hold what was written" in capsys.readouterr().out
  path = copy.shards[0].folder / "weights.npy"
  content = bytearray(path.read_bytes())
  path.unlink()  # a snapshot shares its files with the index
  content[200] ^= 4
  path.write_bytes(content)
  assert runs.call("verify", "--index", copy.folder) == 1
  out = capsys.readouterr().out
  assert f"{path} does not hold what was written" in out and "1 of " in out
  path = copy.folder / "manifest.json"
  path.write_text(path.read_text().replace('"removed": []', '"removed": [3]', 1))
  assert runs.call("verify", "--index", copy.folder) == 1
  assert "manifest.json is not the manifest of an index" in capsys.readouterr().err


QUERY = ("query", "--index", "{built}", "--workdir", "{run}")


@pytest.mark.parametrize(("args", "words"), [
    (("build", "--index", "{new}", "--workdir", "{run}"), "pass one of --split, --features and"),
    (("build", "--index", "{new}", "--workdir", "{run}", "--split", "test", "--part", "0"),
     "--part 0 must be at least 1"),
    (("add", "--index", "{new}", "--workdir", "{run}", "--split", "test"), "holds no index"),
    (("build", "--index", "{new}", "--workdir", "{run}", "--features", "{new}/x"), "no folder"),
    (("build", "--index", "{new}", "--workdir", "{run}", "--videos", "{built}"), "no videos in"),
    (("query", "--index", "{built}", "--workdir", "{run}"), "pass a sentence, or --queries"),
    (("query", "--index", "{built}", "--workdir", "{run}", "x", "--top", "0"), "--top 0 must"),
    (("query", "--index", "{built}", "--workdir", "{run}", "x", "--seconds", "nan"), "--seconds"),
    (("query", "--index", "{built}", "--workdir", "{run}", "?", "--signer", "q"), "signer 'q'"),
    (("query", "--index", "{built}", "--workdir", "{new}", "x"), "there is no file or folder"),
    ((*QUERY, "--like", "x", "--video", "y"), "pass --video or --like, not both"),
    ((*QUERY, "--like", "nobody"), "has no clip 'nobody'"),
    ((*QUERY, "x", "--exclude", "nobody"), "no clip and no video 'nobody'"),
    ((*QUERY, "x", "--text_weight", "0.5"), "--text_weight is for a sentence with a video"),
    ((*QUERY, "x", "--like", "y", "--text_weight", "2"), "--text_weight 2 must be from 0 to 1"),
    ((*QUERY, "--span", "1", "2", "--like", "x"), "--span is of a video"),
    ((*QUERY, "--span", "2", "1", "--video", "x"), "--span is the begin and the end"),
    ((*QUERY, "--video", "{new}"), "there is no file or folder"),
    ((*QUERY, "--video", "{built}/manifest.json"), "weights are a file of yours, pass --weights"),
    (("verify", "--index", "{new}"), "holds no index: make one"),
    (("info", "--index", "{new}"), "holds no index: make one"),
    (("remove", "--index", "{built}"), "pass --name of clips or --source of videos"),
    (("remove", "--index", "{built}", "--name", "clip"), "has no clip 'clip'"),
    (("remove", "--index", "{built}", "--source", "clip"), "has no clips of the video 'clip'"),
])  # fmt: skip
def test_mistakes_are_one_sentence(built, run, tmp_path, capsys, args, words):
  places = {"new": tmp_path / "new", "run": run, "built": built}
  assert runs.call(*(x.format(**places) for x in args)) == 1
  error = capsys.readouterr().err.strip().splitlines()[-1]
  assert error.startswith("error: ") and words in error
  assert not places["new"].exists()


@pytest.fixture
def encoder(monkeypatch, width):
  """Stands in for the sign encoder: the mean of each colour, in many channels."""
  def encode(windows):
    means = windows.mean((1, 2, 3), dtype=np.float32) / 255
    return np.tile(means, (1, -(-width // 3)))[:, :width]

  made = encoder_windows.Encoder(encode, 8, 32, preparation.EXACT)
  source = types.SimpleNamespace(encoder=lambda batch_size: made)
  monkeypatch.setattr(encoder_weights, "find", lambda args: source)


def test_a_folder_of_videos(run, encoder, tmp_path, capsys):
  videos = tmp_path / "the vidéos"
  render(videos / "montag früh/ein Gespräch.mp4", 40, seed=1)
  render(videos / "long.mp4", 300, seed=2)  # 12 seconds
  render(videos / "cut.mp4", 60, seed=3)
  truncate(videos / "cut.mp4", 0.5)
  (videos / "empty.mp4").write_bytes(b"")
  args = ("--index", tmp_path / "index", "--workdir", run, "--videos", videos, "--stride", STRIDE,
          "--part", 4)  # fmt: skip
  assert runs.call("build", *args) == 1
  out = capsys.readouterr().out
  assert "cut: " in out and "empty: " in out
  assert "failed                         2" in out and "added                          2" in out
  index = sign_jax.Index.open(tmp_path / "index", run)
  names = list(index.store.rows)
  assert set(names) == {"montag früh/ein Gespräch", *(f"long#{n}" for n in range(1, 6))}
  parts = [index.store.entry(index.store.rows[f"long#{n}"]) for n in range(1, 6)]
  assert {x.source for x in parts} == {"long.mp4"} and parts[0].start == 0
  assert parts[-1].end == pytest.approx(12.0)
  for one, other in zip(parts, parts[1:], strict=False):
    assert one.start < other.start < one.end < other.end < one.end + 3
  (answer,) = index.search("rain", 6)
  spans = [(x.start, x.end) for x in answer.hits if x.clip.source == "long.mp4"]
  assert all(0 <= a < b <= 12.001 for a, b in spans)
  (videos / "cut.mp4").unlink()
  (videos / "empty.mp4").unlink()
  render(videos / "new.mp4", 20, seed=4)
  assert runs.call("add", *args, "--part", 2) == 0  # what is there stays as it was cut
  told = rows(capsys.readouterr().out)
  assert told["added"] == told["clips of these"] == 1 and told["there already"] == 2
  assert "new" in sign_jax.Index.open(tmp_path / "index")


def test_parts_and_videos_of_one_name_are_told_apart(run, encoder, tmp_path, capsys):
  videos = tmp_path / "videos"
  render(videos / "a#1.mp4", 40, seed=1)
  args = ("--index", tmp_path / "index", "--workdir", run, "--videos", videos, "--stride", STRIDE,
          "--part", 4)  # fmt: skip
  assert runs.call("build", *args) == 0
  capsys.readouterr()
  render(videos / "a.mp4", 300, seed=2)  # whose first part would be a#1
  render(videos / "b.mp4", 300, seed=3)
  render(videos / "b#2.mp4", 40, seed=4)
  assert runs.call("add", *args) == 1
  out = capsys.readouterr().out
  told = rows(out)
  assert told["there already"] == 1 and told["failed"] == 2 and told["added"] == 1
  assert "  a: there is another clip 'a#1': rename" in out
  index = sign_jax.Index.open(tmp_path / "index")
  assert index.store.has_video("a#1") and not index.store.has_video("a")
  assert index.store.has_video("b") != index.store.has_video("b#2")  # whichever came first


def test_clips_are_removed_and_counted(built, tmp_path, capsys):
  store = sign_jax.Index.open(built).snapshot(tmp_path / "copy").store
  names = list(store.rows)
  index = ("--index", store.folder)
  assert runs.call("remove", *index, "--name", names[0], names[1], "--source", names[2]) == 0
  assert f"removed 3 clips; the index has {len(names) - 3}" in capsys.readouterr().out
  assert list(sign_jax.Index.open(store.folder).store.rows) == names[3:]
  assert runs.call("info", *index) == 0
  told = dict(line.rsplit(None, 1) for line in capsys.readouterr().out.splitlines())
  assert (told["clips"], told["removed clips"], told["videos"]) == (str(len(names) - 3), "3", "8")
  assert told["storage"] == "exact" and told["the run's system"] == "cico"
  assert float(told["hours of video"]) >= 0 and told["clips without times"] == "0"


def test_sentences_beside_videos(run, encoder, tmp_path, capsys):
  pytest.importorskip("webvtt")
  videos = tmp_path / "videos"
  for name in ("tag/a.mp4", "b.mp4", "without.mp4"):
    render(videos / name, 100, seed=1)  # 4 seconds
  cue = "00:00:0{}.000 --> 00:00:0{}.000\n{}\n"
  cues = [cue.format(*x) for x in ((0, 2, "It rains."), (1, 4, "<i>Snow</i>"), (8, 9, "late"))]
  (videos / "tag/a.vtt").write_text("\n".join(["WEBVTT\n", *cues]))
  (videos / "b.srt").write_bytes(b"1\n00:00:01,000 --> 00:00:02,000\n\xfc")
  args = ("--index", tmp_path / "index", "--workdir", run, "--videos", videos, "--stride", STRIDE)
  assert runs.call("build", *args, "--captions", videos) == 1
  told = capsys.readouterr()
  assert rows(told.out)["added"] == 2 and "tag/a_8-9: " in told.out
  assert "b.srt, line 3: the byte 0xfc" in told.err and "1 videos have no subtitles" in told.err
  index = sign_jax.Index.open(tmp_path / "index", run)
  (answer,) = index.search("rain", 5)
  found = {x.name: (x.clip.source, x.clip.text) for x in answer.hits}
  assert found == {
      "tag/a_0-2": ("tag/a.mp4", "It rains."), "tag/a_1-4": ("tag/a.mp4", "Snow"),
  }  # fmt: skip
  assert all(1 <= x.start < x.end <= 4.1 for x in answer.hits if x.name == "tag/a_1-4")
  assert runs.call("add", *args, "--captions", videos, "--csv", "x") == 1
  assert "without --csv: leave one out" in capsys.readouterr().err
  out = tmp_path / "out"
  export = ("export", *args[:4], "rain", "--format", "eaf", "--out", out, "--videos", videos)
  assert runs.call(*export) == 0
  assert "hits in them                   2" in capsys.readouterr().out
  content = (out / "tag/a.eaf").read_bytes()
  assert runs.call(*export) == 0 and (out / "tag/a.eaf").read_bytes() == content


def test_a_folder_of_features(run, width, tmp_path, capsys):
  rng = np.random.default_rng(0)
  for name, count, part in (("a", 9, ""), ("b/c d", 70, "tv/x.mp4 12.5 inf")):
    content = feature_files.FeatureFile(
        rng.standard_normal((count, width)).astype(np.float32), 16 + STRIDE * (count - 1), 25.0,
        STRIDE, "fake", part,
    )
    feature_files.write(feature_files.path_of(tmp_path / "in", name), content)
  (tmp_path / "in/bad.npz").write_bytes(b"PK")
  wrong = content._replace(feature=np.ones((70, 3), np.float32))
  feature_files.write(feature_files.path_of(tmp_path / "in", "wide"), wrong)
  args = ("--index", tmp_path / "index", "--workdir", run, "--features", tmp_path / "in")
  assert runs.call("build", *args, "--storage", "float16") == 1
  out = capsys.readouterr().out
  assert "bad: " in out and "the model reads" in out and "clips in the index             3" in out
  store = sign_jax.Index.open(tmp_path / "index").store
  one, two = (store.entry(store.rows[name]) for name in ("a", "b/c d#1"))
  assert (one.source, one.start, one.end) == ("a", 0.0, pytest.approx((16 + 4 * 8) / 25))
  assert (two.source, two.start) == ("tv/x.mp4", 12.5)


def test_times_of_windows():
  times = sources.window_times(100, 25.0, 22, 4)
  assert times[0].tolist() == [0, 0.64] and times[-1].tolist() == [84 / 25, 4.0]
  np.testing.assert_allclose(np.diff(times[:, 0]), 0.16)
  equal = sources.window_times(100, 25.0, 8)
  np.testing.assert_allclose(equal[:, 0], np.linspace(0, 84 / 25, 8))
  assert sources.window_times(0, 25.0, 8) is None and sources.window_times(9, 0.0, 8) is None
  assert sources.window_times(9, 25.0, 1, 4).tolist() == [[0, 9 / 25]]


def test_what_is_not_proved_is_said():
  hits = [Hit(Entry("a b", "v"), 0.25, 61.26, 3600.0), Hit(Entry("\x1b[1m"), 0.2)]
  of = lambda may_miss: Answer("two\nlines", hits, 200, 50, may_miss)
  text, proof, _, first, second = report.table(of(0.0))
  assert text == r"two\nlines" and "the exact best: 50 of 200" in proof and "25.0 %" in proof
  assert "1:01.3" in first and "60:00.0" in first and first.endswith("a b  v")
  assert "\x1b" not in second
  assert "at most 0.1250 more than the last" in report.proof(of(0.125))
  assert "of others nothing is known" in report.proof(of(np.inf))
  assert of(np.inf).to_json()["may_miss"] is None and not of(0.125).is_certified
  run = report.trec([of(0.0)], ["first query"], "my tag")
  assert run.splitlines()[0] == "first%20query Q0 a%20b 1 0.2500000 my%20tag"
  assert Answer("x", [], 0, 0, 0.0).to_json()["hits"] == []


def test_no_two_clips_are_one_in_a_run_file():
  names = ["a b", "a_b", "a%20b", "a\u00a0b", "ä/Gespräch"]
  hits = [Hit(Entry(name), 0.5 - n / 10) for n, name in enumerate(names)]
  lines = report.trec([Answer("x", hits, 5, 5, 0.0)], ["1"], "cico").splitlines()
  assert all(len(line.split()) == 6 for line in lines)
  written = [line.split()[2] for line in lines]
  assert written[1] == "a_b" and written[4] == "ä/Gespräch"
  assert [urllib.parse.unquote(x) for x in written] == names


@pytest.mark.parametrize("box", [None, boxes.Box(10, 20, 50, 50)])
@pytest.mark.parametrize("video", ["a.mp4", "shoe box one.mp4", "take 1 2 box 3.mp4"])
def test_the_times_of_a_part_are_those_that_were_written(video, box):
  text = clip_table.part_of(video, 12.5, 20.0, box)
  assert sources._part(text, "other") == (video, 12.5)
  assert sources._part(clip_table.part_of(video, 0.0, math.inf, box), "other") == (video, 0.0)


def test_a_video_finds_itself_and_what_is_like_it(run, encoder, tmp_path, capsys):
  for number in range(4):
    render(tmp_path / f"in/v{number}.mp4", 40 + 8 * number, seed=number)
  index = ("--index", tmp_path / "index", "--workdir", run)
  assert runs.call("build", *index, "--videos", tmp_path / "in", "--stride", STRIDE) == 0
  capsys.readouterr()

  def found(*args):
    status = runs.call("query", *index, *args, "--json", "-")
    assert status == 0
    return json.loads(capsys.readouterr().out)

  video = ("--video", tmp_path / "in/v2.mp4", "--stride", STRIDE)
  (of_video,), (like,) = found(*video), found("--like", "v2")
  assert of_video["text"].endswith("v2.mp4") and like["text"] == "like v2"
  rows = [[(x["name"], x["start"], x["end"]) for x in y["hits"]] for y in (of_video, like)]
  assert rows[0] == rows[1] and rows[0][0][0] == "v2" and of_video["certified"]
  scores = [[x["score"] for x in y["hits"]] for y in (of_video, like)]
  np.testing.assert_allclose(*scores, atol=1e-5)
  (part,) = found(*video, "--span", 0, 0.8)
  assert abs(part["hits"][0]["score"] - scores[0][0]) > 1e-6
  (others,) = found("--like", "v2", "--exclude", "v2", "--exclude", "v0.mp4")
  assert {x["name"] for x in others["hits"]} == {"v1", "v3"}
  rain, snow = found("rain", "snow", "--like", "v2", "--text_weight", 0)
  assert [x["score"] for x in snow["hits"]] == scores[1] and rain["text"] == "rain + like v2"
  (tmp_path / "in/v2.mp4").write_bytes(b"")
  assert runs.call("query", *index, *video) == 1
  assert "error: " in capsys.readouterr().err


def test_what_writes_runs_in_one_process(run, tmp_path, capsys, monkeypatch):
  monkeypatch.setenv("SIGN_JAX_PROCESSES", "2")
  index = tmp_path / "index"
  assert runs.call("build", "--index", index, "--workdir", run, "--split", "test") == 1
  assert "build runs in one process: start it without" in capsys.readouterr().err
  assert not index.exists()
