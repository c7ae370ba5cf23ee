"""A dictionary: single signs as vectors of a recogniser, found by videos and by each other."""

import json

import jax
import numpy as np
import pytest

import sign_jax
from data_builders import build
from data_builders.signing_sim import videos as sim_videos
from sign_jax.api import model as api_model
from sign_jax.api import sign_reading
from sign_jax.api.sign_reading import SignClip
from sign_jax.data import sign_batches
from sign_jax.data.sign_clips import SignClips
from sign_jax.errors import UserError
from sign_jax.search import sign_sources
from sign_jax.search.entries import Entry
from sign_jax.search.evaluation import neighbours
from sign_jax.systems.nla_slr import streams
from tests.data_builders.isolated import trees
from tests.search import runs, sign_runs

pytestmark = pytest.mark.usefixtures("quick_compile")
SIDE = sign_runs.SIDE


@pytest.fixture(scope="module")
def run(signs_dir, tmp_path_factory):
  """The folder of a run that reads the video alone."""
  folder = tmp_path_factory.mktemp("video") / "run"
  sign_runs.make(folder, signs_dir)
  return folder


@pytest.fixture(scope="module")
def built(run):
  """A dictionary of the test split, made by the program."""
  folder = run.parent / "index"
  assert runs.call("build", "--index", folder, "--workdir", run, "--split", "test") == 0
  return folder


@pytest.fixture(scope="module")
def model(run):
  return sign_jax.load(run)


@pytest.fixture(scope="module")
def clips(signs_dir):
  return SignClips("signing_sim/frames_tiny", "test", signs_dir, fields=("video", "keypoints"),
                   size=SIDE)  # fmt: skip


@pytest.fixture(scope="module")
def films(clips, tmp_path_factory):
  """A folder of five clips as videos, with their keypoints beside them, and one that is none."""
  folder = tmp_path_factory.mktemp("films")
  for number in range(5):
    found = clips.read(number)
    sim_videos.write_video(folder / f"sign{number}.mp4", found["video"])
    pixels = found["keypoints"] * np.float32([SIDE, SIDE, 1])
    np.savez(folder / f"sign{number}.npz", keypoints=pixels)
  (folder / "bad.mp4").write_text("no video")
  return folder


def vectors(model, clips):
  """(N, D) of length 1, computed straight from the module's heads."""
  found = []
  module, config = model.trained.model, model.config
  head = list(streams.heads(module.streams))[-1]
  apply = jax.jit(lambda inputs: module.apply(model.variables, inputs)["head_inputs"][head])
  recognizer = model.trained.system.recognizer
  for number in range(len(clips)):
    clip = clips.read(number)
    places = sign_batches.places(clips.num_frames(number), config.data.frames)
    batch = {name: clip[name][places][None] for name in recognizer.fields(config)}
    row = np.asarray(apply(recognizer.eval_inputs(config, batch))[0], np.float64)
    found.append(row / np.linalg.norm(row))
  return np.stack(found)


def test_scores_are_the_cosines_of_the_modules_vectors(built, run, clips):
  index = sign_jax.Index.open(built, run)
  names = list(index.store.rows)
  assert len(names) == len(clips) > 10
  expected = vectors(index.model, clips)
  scores = index.similarity([sign_jax.Query(like=name) for name in names])
  np.testing.assert_allclose(scores, expected @ expected.T, atol=2e-5)
  assert scores[~np.eye(len(scores), dtype=bool)].min() < 0.999  # they differ
  (answer,) = index.search(sign_jax.Query(video=clips.read(3)["video"]), 4)
  order = np.argsort(-scores[:, 3], kind="stable")[:4]
  assert [hit.name for hit in answer.hits] == [names[row] for row in order]
  assert answer.hits[0].score == pytest.approx(1, abs=1e-5) and answer.is_certified
  for row, hit in zip(order, answer.hits, strict=True):
    assert hit.clip.text == clips.names[clips.labels[row]]
    assert hit.clip.signer == clips.clips[row].signer and hit.end > hit.start


@pytest.mark.parametrize(("modalities", "lengths", "head"), [
    ("both", "both", "fuse"), ("keypoint", "both", "fuse"), ("both", "long", "fuse_long"),
    ("keypoint", "short", "keypoint_short"),
])  # fmt: skip
def test_the_vector_is_that_of_the_head_of_most_streams(modalities, lengths, head):
  assert list(streams.heads(streams.chosen(modalities, lengths)))[-1] == head


def test_keypoints_and_crops_are_read(signs_dir, films, tmp_path, capsys):
  sign_runs.make(tmp_path / "run", signs_dir, "keypoint")
  model = sign_jax.load(tmp_path / "run", config={"data.crops": 3})
  sign = {"video": films / "sign1.mp4", "keypoints": films / "sign1.npz"}
  found = model.encode_videos([sign]).tokens
  read = model._crops(model.read(SignClip(**sign)).arrays)
  config = model.config
  inputs = model.trained.system.recognizer.eval_inputs(config, read)
  encode = jax.jit(lambda *x: model.trained.model.apply(*x, method="encode_video"))
  each = encode(model.variables, inputs)
  assert len(each) == 3
  mean = np.asarray(each).mean(0)
  np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean), atol=1e-5)
  index = ("--index", tmp_path / "index", "--workdir", tmp_path / "run")
  videos = ("--videos", films)
  assert runs.call("build", *index, *videos) == 1
  assert "reads keypoints too: pass --keypoints DIR" in capsys.readouterr().err
  assert not (tmp_path / "index").exists()
  (films / "bare.mp4").write_bytes((films / "sign0.mp4").read_bytes())
  assert runs.call("build", *index, "--split", "test", "--keypoints", films) == 1
  assert "a split has keypoints of its own" in capsys.readouterr().err
  assert runs.call("build", *index, *videos, "--keypoints", films) == 1
  (films / "bare.mp4").unlink()
  out = capsys.readouterr().out
  assert "has no keypoints of bare.mp4: a file bare.pose" in out and "  bad: " in out
  assert "added                          5" in out
  asked = ("query", *index, "--video", films / "sign2.mp4", "--json", "-")
  assert runs.call(*asked, "--keypoints", films / "sign2.npz") == 0
  (answer,) = json.loads(capsys.readouterr().out)
  assert answer["hits"][0]["name"] == "sign2"
  assert answer["hits"][0]["score"] == pytest.approx(1, abs=1e-5)
  assert runs.call(*asked) == 1
  assert "reads keypoints too: pass those of the video, --keypoints FILE" in capsys.readouterr().err


def test_a_part_of_a_video_has_the_keypoints_of_its_frames(
    signs_dir, films, tmp_path, monkeypatch
):
  sign_runs.make(tmp_path / "run", signs_dir, "keypoint")
  model = sign_jax.load(tmp_path / "run")
  keypoints = np.load(films / "sign1.npz")["keypoints"]
  whole = model.read(SignClip(films / "sign1.mp4", keypoints))
  fps = len(keypoints) / whole.seconds[1]
  part = SignClip(films / "sign1.mp4", keypoints, 3 / fps - 0.001, 7 / fps - 0.001)
  for _ in ("equally distant", "counted"):
    found = model.read(part)
    np.testing.assert_array_equal(found.arrays["keypoints"], whole.arrays["keypoints"][3:7])
    assert found.seconds == pytest.approx((3 / fps, 7 / fps), abs=0.002)
    monkeypatch.setattr(sign_reading, "_number", lambda path, second: None)
  with pytest.raises(UserError, match="keypoints of 2 frames"):
    model.read(SignClip(films / "sign1.mp4", keypoints[:2], 0, 7 / fps))


def test_a_folder_of_videos_and_a_part_of_a_film(run, films, clips, tmp_path, capsys):
  table = films / "signs.csv"
  table.write_text("video,sentence,signer\n" + "".join(
      f"sign{n}.mp4,gloss {n},anna\n" for n in range(4)
  ))  # fmt: skip
  index = ("--index", tmp_path / "index", "--workdir", run)
  assert runs.call("build", *index, "--videos", films, "--csv", table) == 0
  assert runs.call("add", *index, "--videos", films) == 1
  told = capsys.readouterr().out
  assert "there already                  4" in told and "  bad: " in told
  long = np.concatenate([clips.read(number)["video"] for number in (2, 0, 1)])
  sim_videos.write_video(tmp_path / "film.mp4", long)
  fps = clips.num_frames(2) / sign_jax.load(run).read(SignClip(films / "sign2.mp4")).seconds[1]
  frames = np.array([clips.num_frames(2), clips.num_frames(2) + clips.num_frames(0)])
  span = ("--span", *(frames - 0.5) / fps)
  asked = ("query", *index, "--video", tmp_path / "film.mp4", *span, "--top", 3)
  assert runs.call(*asked) == 0
  lines = capsys.readouterr().out.splitlines()
  assert lines[2].split() == ["score", "from", "to", "sign", "clip"]
  assert lines[3].split()[2:] == ["0:00.0", "0:00.6", "gloss", "0", "sign0", "sign0.mp4"]
  opened = sign_jax.Index.open(tmp_path / "index", run)
  (answer,) = opened.search(sign_jax.Query(like="sign3", exclude=["sign3"]), 2)
  assert len(answer.hits) == 2 and "sign3" not in [hit.name for hit in answer.hits]
  assert runs.call("export", *index, "--like", "sign3", "--format", "json", "--out",
                   tmp_path / "out") == 0  # fmt: skip


def test_a_data_set_of_videos(tmp_path, capsys):
  trees.wlasl(tmp_path)
  build.prepare("wlasl/100", None, tmp_path / "tfds", tmp_path)
  sign_runs.make(tmp_path / "run", tmp_path / "tfds", **{
      "data.name": "wlasl/100", "data.videos": str(tmp_path), "model.inter_mixup": False,
  })  # fmt: skip
  (tmp_path / "videos/00002.mp4").write_text("no video")
  index = ("--index", tmp_path / "index", "--workdir", tmp_path / "run", "--storage", "float16")
  assert runs.call("build", *index, "--split", "train") == 1
  assert "  00002: clip '00002' of 'wlasl/100" in capsys.readouterr().out
  opened = sign_jax.Index.open(tmp_path / "index", tmp_path / "run")
  entries = [entry for _, entry in opened.store.clips()]
  assert entries == [  # the second one is a part of its video
      Entry("00001", "videos/00001.mp4", 0, 12 / 25, "gloss 0", "train"),
      Entry("00003", "videos/00003.mp4", 4 / 25, 14 / 25, "gloss 2", "train"),
  ]
  video = tmp_path / "videos/00003.mp4"
  part = SignClip(video, start=3.5 / 25, end=13.5 / 25)
  (answer,) = opened.search(sign_jax.Query(video=part), 1)
  assert answer.hits[0].name == "00003"
  assert answer.hits[0].score == pytest.approx(1, abs=2e-3)


def test_an_index_of_signs_is_kept_as_others_are(built, run, tmp_path, capsys):
  copy = ("--index", tmp_path / "copy")
  store = sign_jax.Index.open(built).snapshot(tmp_path / "copy").store
  names = list(store.rows)
  again = runs.call("add", *copy, "--workdir", run, "--split", "test")
  assert again == 0 and "there already" in capsys.readouterr().out
  assert runs.call("remove", *copy, "--name", names[1]) == 0
  assert runs.call("compact", *copy, "--workdir", run, "--out", tmp_path / "small") == 0
  assert runs.call("verify", "--index", tmp_path / "small") == 0
  assert runs.call("info", "--index", tmp_path / "small") == 0
  told = dict(line.rsplit(None, 1) for line in capsys.readouterr().out.splitlines()[-10:])
  assert told["the run's system"] == "nla_slr" and told["clips"] == str(len(names) - 1)
  one, other = (sign_jax.Index.open(path, run) for path in (built, tmp_path / "small"))
  query = sign_jax.Query(like=names[0], exclude=[names[1]])
  (a,), (b,) = one.search(query, 5), other.search(sign_jax.Query(like=names[0]), 5)
  assert [(x.name, x.score) for x in a.hits] == [(x.name, x.score) for x in b.hits]


def by_hand(index, numbers, allowed):
  """{k: percent of the clips whose k nearest others show their sign}."""
  entries = [entry for _, entry in index.store.clips()]
  rights = {1: [], 5: []}
  for i in numbers:
    others = [j for j in range(len(entries)) if allowed(entries[i], entries[j]) and i != j]
    if not any(entries[j].text == entries[i].text for j in others):
      continue
    (scores,) = index.similarity([sign_jax.Query(like=entries[i].name)]).T
    others.sort(key=lambda j: (-scores[j], j))
    for k, found in rights.items():
      found.append(any(entries[j].text == entries[i].text for j in others[:k]))
  return {k: 100 * np.mean(found) for k, found in rights.items()}, len(rights[1])


def test_leaving_one_out_is_as_by_hand(built, run, tmp_path, capsys):
  index = sign_jax.Index.open(built, run)
  numbers = neighbours.measure(index)
  assert set(numbers) == {neighbours.ALL, neighbours.OTHERS}
  ways = {
      neighbours.ALL: lambda a, b: True, neighbours.OTHERS: lambda a, b: a.signer != b.signer,
  }  # fmt: skip
  for name, allowed in ways.items():
    expected, count = by_hand(index, range(len(index)), allowed)
    assert numbers[name]["clips"] == count > 1
    for k, share in expected.items():
      assert numbers[name][f"top{k}"] == pytest.approx(share)
  file = tmp_path / "numbers.json"
  asked = ("evaluate", "--index", built, "--workdir", run, "--json", file)
  assert runs.call(*asked) == 0
  lines = capsys.readouterr().out.splitlines()
  assert lines[0].split()[-6:] == ["searches", "first", "chance", "first", "5", "chance"]
  assert lines[1].startswith("all clips") and f"{numbers['all clips']['top5']:.1f}" in lines[1]
  assert json.loads(file.read_text())["signs"] == numbers


def test_signs_of_sentences_that_are_no_class_are_entries_too(built, run, capsys):
  index = ("--index", run.parent / "all", "--workdir", run)
  assert runs.call("build", *index, "--split", "test", "--all_signs") == 0
  whole, part = (sign_jax.Index.open(path, run) for path in (run.parent / "all", built))
  assert set(part.store.rows) < set(whole.store.rows)
  known = set(part.model.labels)
  entries = {entry.name: entry.text for _, entry in whole.store.clips()}
  assert all((text in known) == (name in part) for name, text in entries.items())
  name = next(iter(part.store.rows))
  scores = [x.search(sign_jax.Query(like=name), 1)[0].hits[0].score for x in (whole, part)]
  assert scores[0] == scores[1] == pytest.approx(1, abs=1e-5)
  capsys.readouterr()
  assert runs.call("evaluate", *index) == 0
  assert capsys.readouterr().out.splitlines()[-1].startswith("signs not trained on")


def test_chance_is_what_drawing_gives():
  # Of four clips two show the sign: one draw hits in 2 of 4, two draws miss in 1 of 6.
  assert neighbours.by_chance(4, 2, 1) == pytest.approx(1 / 2)
  assert neighbours.by_chance(4, 2, 2) == pytest.approx(5 / 6)
  assert neighbours.by_chance(3, 1, 5) == 1


def test_signs_that_are_no_class_are_counted_apart(run, clips, tmp_path):
  index = sign_jax.Index.create(tmp_path / "index", run)
  known = index.model.labels[0]
  read = [{"video": clips.read(n)["video"]} for n in (0, 0, 1, 1, 2)]
  texts = (known, known, "a new sign", "a new sign", "alone")
  index.add(read, [Entry(f"clip {n}", text=text) for n, text in enumerate(texts)])
  numbers = neighbours.measure(index)
  assert numbers[neighbours.ALL]["clips"] == 4 and numbers[neighbours.NEW]["clips"] == 2
  assert numbers[neighbours.ALL]["top1"] == numbers[neighbours.NEW]["top1"] == 100
  assert numbers[neighbours.ALL]["chance1"] == pytest.approx(25)
  assert neighbours.OTHERS not in numbers
  index.remove(["clip 1", "clip 3"])
  with pytest.raises(UserError, match="no two clips of .* show one sign"):
    neighbours.measure(index)


@pytest.fixture(scope="module")
def retrieval(data_dir, tmp_path_factory):
  folder = tmp_path_factory.mktemp("cico")
  runs.make(folder, "cico", data_dir)
  return folder


SENTENCES = "compares signs with signs and reads no sentences: ask by a video (--video"


@pytest.mark.parametrize(("args", "words"), [
    (("query", "{dictionary}", "--workdir", "{run}", "rain"), SENTENCES),
    (("query", "{dictionary}", "--workdir", "{run}", "rain", "--like", "x"), SENTENCES),
    (("query", "{dictionary}", "--workdir", "{run}", "--like", "x"), "has no clip 'x'"),
    (("query", "{dictionary}", "--workdir", "{retrieval}", "rain"), "made with a model of other"),
    (("query", "{dictionary}", "--workdir", "{run}", "--video", "{films}/bad.mp4"), "bad.mp4"),
    (("query", "{dictionary}", "--workdir", "{run}", "--video", "{films}/sign0.mp4", "--span", "90",
      "91"), "sign0.mp4"),
    (("query", "{dictionary}", "--workdir", "{run}", "--video", "{films}/sign0.mp4",
      "--keypoints", "{films}/sign0.npz"), "reads no keypoints: leave --keypoints out"),
    (("query", "{dictionary}", "--workdir", "{run}", "--like", "x", "--keypoints", "y"),
     "--keypoints is of a video"),
    (("query", "{dictionary}", "--workdir", "{run}", "--video", "{films}/sign0.mp4",
      "--random_weights"), "reads videos by its own run"),
    (("build", "{new}", "--workdir", "{run}", "--features", "{films}"), "no features of windows"),
    (("build", "{new}", "--workdir", "{run}", "--split", "test", "--data_dir", "{films}"), "films"),
    (("build", "{new}", "--workdir", "{run}", "--videos", "{films}", "--all_signs"), "to --split"),
    (("build", "{new}", "--workdir", "{retrieval}", "--split", "test", "--all_signs"),
     "--all_signs are of a dictionary, and not of cico"),
    (("build", "{new}", "--workdir", "{retrieval}", "--videos", "{films}", "--keypoints",
      "{films}"), "--keypoints are for a dictionary"),
    (("serve", "{dictionary}", "--workdir", "{run}", "--port", "0"), "the page asks by sentences"),
])  # fmt: skip
def test_mistakes_are_one_sentence(built, run, retrieval, films, tmp_path, capsys, args, words):
  places = {
      "new": tmp_path / "new", "run": run, "dictionary": built, "retrieval": retrieval,
      "films": films,
  }  # fmt: skip
  command, index, *rest = (x.format(**places) for x in args)
  assert runs.call(command, "--index", index, *rest) == 1
  error = capsys.readouterr().err.strip().splitlines()[-1]
  assert error.startswith("error: ") and words in error
  assert not places["new"].exists()


@pytest.mark.parametrize(("make", "words"), [
    (lambda model: model.encode_videos("a.mp4"), "a list of clips: put a single one into a list"),
    (lambda model: model.encode_videos([{"pictures": 3}]), "a clip as a dict is"),
    (lambda model: model.encode_videos(["a.mp4"], keypoints=[]), "1 videos and 0 keypoints"),
    (lambda model: model.encode_videos([np.zeros((3, 4))]), "a clip is an array"),
    (lambda model: model.similarity([], []), "does not compare videos with texts"),
    (lambda model: sign_sources.open_split(model, "dev"), "dev"),
])  # fmt: skip
def test_mistakes_in_python_are_one_sentence(model, make, words):
  with pytest.raises(UserError, match=words):
    make(model)


def test_no_clips_give_no_vectors(model):
  assert model.encode_videos([]).tokens.shape == (0, *model.video_form.shape[1:])


def test_models_that_compare_nothing_are_refused(tmp_path):
  class Named(api_model.Model):
    def __init__(self):
      pass

    def __repr__(self):
      return "<a sign encoder>"

  with pytest.raises(UserError, match="<a sign encoder> gives nothing that a search compares"):
    sign_jax.Index.create(tmp_path / "index", Named())

