"""What the page answers to honest requests."""

import io
import json
import shutil
import zipfile

import av
import numpy as np
import pytest
from PIL import Image

import sign_jax
from sign_jax.search.entries import Entry
from tests.search.page.conftest import CLIPS
from tests.videos import render

TEXT = "Good morning."


@pytest.fixture(scope="module")
def found(page):
  return page.ask("/api/search", text=TEXT, top=len(CLIPS)).json


def hit_of(found, name):
  (hit,) = (hit for hit in found["hits"] if hit["name"] == name)
  return hit


def test_hits_are_those_of_the_index(found, archive):
  index = sign_jax.Index.open(archive / "archive", archive / "run")
  (answer,) = index.search(TEXT, len(CLIPS))
  assert [hit["name"] for hit in found["hits"]] == [hit.name for hit in answer.hits]
  assert found["certified"] and found["query"] == TEXT
  hit, same = found["hits"][0], answer.hits[0]
  assert hit["score"] == pytest.approx(same.score, abs=1e-6)
  assert (hit["start"], hit["end"]) == (same.start, same.end)
  assert hit["curve"] == same.curve.tolist()


def test_a_hit_says_what_can_be_done_with_it(found):
  assert hit_of(found, "morning")["fault"] == ""
  assert hit_of(found, "bare")["fault"] == ""
  assert hit_of(found, "pictures")["fault"] == ""
  assert hit_of(found, "no file")["fault"] == "there is no video 'missing' in media"
  for name in ("up", "root", "link", "linked folder"):
    assert "leads out of" in hit_of(found, name)["fault"]
  morning = hit_of(found, "morning")
  assert (morning["split"], morning["signer"], morning["note"]) == ("train", "S1", None)


def test_filters_and_numbers_of_hits(page):
  few = page.ask("/api/search", text=TEXT, split="train").json
  assert [hit["name"] for hit in few["hits"]] == ["morning"] and few["clips"] == 1
  assert len(page.ask("/api/search", text=TEXT, top=2).json["hits"]) == 2
  for wrong in ({"top": 0}, {"top": 1000}, {"top": "x"}, {"text": " "}, {"text": "x" * 9000}):
    answer = page.ask("/api/search", **({"text": TEXT} | wrong))
    assert answer.status in (400, 422) and "\n" not in answer.error
  none = page.ask("/api/search", text=TEXT, signer="nobody")
  assert none.status == 400 and "no clips with signer 'nobody'" in none.error


def test_a_sentence_and_a_clip_are_weighted(page):
  def scores(**asked):
    hits = page.ask("/api/search", top=len(CLIPS), **asked).json["hits"]
    return {hit["name"]: hit["score"] for hit in hits if hit["name"] != "morning"}

  text, like = scores(text=TEXT), scores(like="morning")
  for weight in (0.0, 0.3, 0.5, 1.0):
    more = {} if weight == 0.5 else {"text_weight": weight}
    for name, score in scores(text=TEXT, like="morning", **more).items():
      assert score == pytest.approx(weight * text[name] + (1 - weight) * like[name], abs=1e-5)
  for wrong in (-0.1, 1.1, "nan", "much"):
    assert page.ask("/api/search", text=TEXT, like="morning", text_weight=wrong).status == 422


def test_what_it_runs_on(page):
  facts = page.ask("/api/about").json
  assert (facts["system"], facts["run"], facts["clips"]) == ("upret", "run", len(CLIPS))
  assert facts["choices"]["split"] == ["test", "train"]
  assert facts["choices"]["signer"] == ["S1", "S2"] and "a.webm" in facts["choices"]["source"]
  assert facts["device"] and facts["jax"] and facts["notes"] == "archive.notes.jsonl"


def test_what_others_add_and_remove_is_found_without_a_new_start(serve, archive, tmp_path):
  from sign_jax.search.page import app

  shutil.copytree(archive / "archive", tmp_path / "archive")
  index, other = (sign_jax.Index.open(tmp_path / "archive", archive / "run") for _ in range(2))
  page = serve(app.make(index, archive / "media"))
  ask = lambda: {hit["name"] for hit in page.ask("/api/search", text=TEXT, top=50).json["hits"]}
  assert ask() == {clip.name for clip in CLIPS} and not index.refresh()
  width = index.model.trained.inputs["video"][0][-1]
  other.add([np.ones((5, width), np.float32)], [Entry("new", split="dev")])
  other.remove(["bare"])
  about = page.ask("/api/about").json  # which takes the news in before the search does
  assert about["clips"] == len(CLIPS) and "dev" in about["choices"]["split"]
  assert ask() == {clip.name for clip in CLIPS} - {"bare"} | {"new"}
  other.remove(["new"])
  assert ask() == {clip.name for clip in CLIPS} - {"bare"}
  assert page.ask("/api/video", clip="bare").status == 404


def test_posters_are_the_frames_of_their_seconds(page, archive):
  pictures = [page.ask("/api/poster", clip="morning", at=at) for at in (0.0, 0.8)]
  for answer, second in zip(pictures, (0.0, 0.8), strict=True):
    assert answer.headers["content-type"] == "image/jpeg"
    with av.open(str(archive / "media/a.webm")) as video:
      wanted = next(x for x in video.decode(video=0) if x.time >= second - 1e-6).to_image()
    shown = Image.open(io.BytesIO(answer.body))
    assert shown.size == (128, 96)
    pairs = zip(shown.convert("L").tobytes(), wanted.convert("L").tobytes(), strict=True)
    assert sum(abs(a - b) for a, b in pairs) / (128 * 96) < 4
  assert pictures[0].body != pictures[1].body
  assert page.ask("/api/poster", clip="pictures", at=0.3).status == 200
  late = page.ask("/api/poster", clip="morning", at=60)
  assert late.status == 404 and str(archive) not in late.error


@pytest.mark.parametrize(("clip", "size"), [("morning", (128, 96)), ("pictures", (48, 32))])
def test_films_of_places_begin_and_end_with_them(page, clip, size):
  answer = page.ask("/api/preview", clip=clip, start=0.4, end=1.0)
  assert (answer.status, answer.headers["content-type"]) == (200, "video/webm")
  with av.open(io.BytesIO(answer.body)) as film:
    frames = list(film.decode(video=0))
  assert (frames[0].width, frames[0].height) == size
  assert [frame.time for frame in frames] == pytest.approx([n / 25 for n in range(15)], abs=0.002)
  for span in ({"start": 1, "end": 1}, {"start": -1, "end": 1}, {"start": "nan", "end": 1},
               {"start": 50, "end": 51}, {"start": 0, "end": 1e300}):
    wrong = page.ask("/api/preview", clip=clip, **span)
    assert wrong.status in (400, 404, 422) and wrong.error


def test_videos_are_sent_in_ranges(page, archive):
  content = (archive / "media/Grüße an alle.webm").read_bytes()
  clip = {"clip": CLIPS[1].name}
  whole = page.ask("/api/video", **clip)
  assert (whole.status, whole.body) == (200, content)
  assert whole.headers["content-type"] == "video/webm"
  assert whole.headers["accept-ranges"] == "bytes"
  part = page.ask("/api/video", headers={"Range": "bytes=100-199"}, **clip)
  assert (part.status, part.body) == (206, content[100:200])
  assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
  tail = page.ask("/api/video", headers={"Range": "bytes=-10"}, **clip)
  assert (tail.status, tail.body) == (206, content[-10:])
  beyond = page.ask("/api/video", headers={"Range": f"bytes={len(content)}-"}, **clip)
  assert beyond.status == 416 and beyond.headers["content-range"] == f"bytes */{len(content)}"
  same, other = whole.headers["etag"], '"another"'
  for tag, status in ((same, 206), (other, 200)):
    headers = {"Range": "bytes=0-9", "If-Range": tag}
    assert page.ask("/api/video", headers=headers, **clip).status == status
  head = page.ask("/api/video", "HEAD", **clip)
  assert head.body == b"" and int(head.headers["content-length"]) == len(content)


def test_posters_and_films_are_not_looked_for_without_end(page, archive, monkeypatch):
  from sign_jax.search.page import posters

  # One key frame at the begin: what is asked for lies behind all others.
  path = archive / "media/a.webm"
  kept = path.read_bytes()
  try:
    render(path, 60, size=(96, 128), codec="libvpx", gop_size=100)
    assert page.ask("/api/poster", clip="morning", at=1.7).status == 200
    monkeypatch.setattr(posters, "MOST_SKIPPED", 20)
    for answer in (page.ask("/api/poster", clip="morning", at=1.9),
                   page.ask("/api/preview", clip="morning", start=1.9, end=2.2)):
      assert answer.status == 404 and "cannot be jumped in" in answer.error
    assert page.ask("/api/poster", clip="morning", at=0.4).status == 200
  finally:
    path.write_bytes(kept)


def test_notes_are_kept_beside_the_index(page, archive):
  file = archive / "archive.notes.jsonl"
  note = {"query": TEXT, "clip": "morning", "verdict": "right", "start": 0.2, "end": None}
  assert page.post("/api/notes", note).json == {"saved": file.name}
  assert page.post("/api/notes", note | {"clip": "up", "verdict": "wrong"}).status == 200
  lines = [json.loads(line) for line in file.read_text().splitlines()]
  assert [line["clip"] for line in lines] == ["morning", "up"]
  assert lines[0].items() >= note.items() and lines[0]["video"] == "a.webm"
  hit = hit_of(page.ask("/api/search", text=TEXT, top=20).json, "morning")
  assert hit["note"] == {"verdict": "right", "start": 0.2, "end": None}
  other = hit_of(page.ask("/api/search", text="Another one.", top=20).json, "morning")
  assert other["note"] is None
  page.post("/api/notes", note | {"verdict": None, "start": None})
  assert [json.loads(line)["clip"] for line in file.read_text().splitlines()] == ["up"]
  assert not sign_jax.Index.open(archive / "archive").verify()


@pytest.mark.parametrize("change", [
    {"clip": "unknown"}, {"verdict": "maybe"}, {"start": -1}, {"start": 3.0, "end": 2.0},
    {"start": "0"}, {"start": True}, {"more": 1}, {"query": ""}, {"start": 10**400},
    {"end": float("nan")}, {"query": "\ud800"},
])  # fmt: skip
def test_notes_that_are_none_are_refused(page, archive, change):
  answer = page.post("/api/notes", {"query": TEXT, "clip": "morning"} | change)
  assert answer.status in (400, 404) and answer.error
  assert not (archive / "archive.notes.jsonl").exists()


def test_notes_hold_every_character(page):
  query = "rain\u2028to\u2029ni\x85ght\r\n\x1c."
  for _ in range(2):
    note = {"query": query, "clip": "morning", "verdict": "right"}
    assert page.post("/api/notes", note).status == 200
  found = page.ask("/api/search", text=query, top=20).json
  assert hit_of(found, "morning")["note"]["verdict"] == "right"


def test_a_damaged_file_of_notes_is_named_and_kept(page, archive):
  file = archive / "archive.notes.jsonl"
  file.write_text('{"query": "a", "clip": "b"}\n{"query": "a"\n')
  for answer in (page.ask("/api/search", text=TEXT),
                 page.post("/api/notes", {"query": TEXT, "clip": "up", "verdict": "right"})):
    assert answer.status == 400 and "line 2 of" in answer.error
  assert file.read_text().endswith('{"query": "a"\n')


def test_hits_are_saved_as_the_user_corrected_them(page):
  page.post("/api/notes", {"query": TEXT, "clip": "morning", "start": 0.25, "end": 0.5})
  page.post("/api/notes", {"query": TEXT, "clip": "bare", "verdict": "wrong"})
  wanted = {"text": TEXT, "top": len(CLIPS)}
  saved = page.ask("/api/export/json", **wanted)
  assert "attachment" in saved.headers["content-disposition"]
  morning, bare = (hit_of(saved.json, name) for name in ("morning", "bare"))
  assert (morning["corrected_start"], morning["corrected_end"]) == (0.25, 0.5)
  assert morning["start"] != 0.25 and bare["verdict"] == "wrong"
  with zipfile.ZipFile(io.BytesIO(page.ask("/api/export/vtt", **wanted).body)) as archive:
    names = archive.namelist()
    cue = archive.read("a.vtt").decode()
  assert "Grüße an alle.vtt" in names and "b.vtt" not in names
  assert not [name for name in names if name.startswith("/") or ".." in name]
  assert "00:00:00.250 --> 00:00:00.500\nGood morning." in cue
  for form in ("srt", "eaf"):
    with zipfile.ZipFile(io.BytesIO(page.ask(f"/api/export/{form}", **wanted).body)) as archive:
      assert f"a.{form}" in archive.namelist()
  assert page.ask("/api/export/exe", **wanted).status == 404


def test_a_place_without_a_length_is_named(page, capfd):
  page.post("/api/notes", {"query": TEXT, "clip": "morning", "start": 500.0})
  answer = page.ask("/api/export/vtt", text=TEXT, top=len(CLIPS))
  with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
    assert "a.vtt" not in archive.namelist() and "b.vtt" in archive.namelist()
    assert "morning: its place" in archive.read("failed.txt").decode()
  assert "writing" not in capfd.readouterr().err  # no bar in the server's terminal


def test_what_is_not_known_is_not_saved(page):
  page.post("/api/notes", {"query": TEXT, "clip": "morning", "verdict": "wrong"})
  answer = page.ask("/api/export/srt", text=TEXT, source="a.webm")
  assert answer.status == 400 and "no hit to save" in answer.error
