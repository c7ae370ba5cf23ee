"""Hits become files for annotators: which ones, what is in them, and what is left alone."""

import json
import math
import re

import pytest

from sign_jax.data.annotations import eaf, sentences
from sign_jax.errors import UserError
from sign_jax.search.annotations import documents, eaf_tier, found, writing
from sign_jax.search.annotations.found import Row
from sign_jax.search.entries import Entry
from sign_jax.search.hits import Answer, Hit
from tests.search import runs
from tests.search.annotations import rich, structure

VIDEO = "montag früh/Gespräch 1.mp4"
ROWS = [
    Row("Regen & Süd", 1, 0.5, "a#1", VIDEO, 1.5, 2.5),
    Row("Regen & Süd", 2, 0.4, "b", "b.v2.MOV", 0, 1),
    Row("Wind", 1, 0.75, "a#2", VIDEO, 2.0, 4.0),
    Row("Wind", 2, 0.25, "c", "c", math.nan, math.nan),
]
# Of a document that lies elsewhere than its videos.
TEXT = rich.TEXT.replace("../video/", "../montag fr%C3%BCh/").replace("D:/side", "D:/cam/side")
LONG = 20_001 * "x"
TIER = [(1.5, 2.5, "Regen & Süd (1, 0.500)")]


def tier(path, name="SEARCH"):
  return [(x.start, x.end, x.text) for x in sentences.read(path, name).sentences]


def test_hits_of_a_search_and_of_its_file_are_the_same(tmp_path):
  hits = [Hit(Entry("a#1", VIDEO), 0.5, 1.5, 2.5), Hit(Entry("c"), 0.25)]
  answers = [Answer("Regen", hits, 9, 2, 0.0), Answer("nichts", [], 9, 2, 0.0)]
  rows = found.of_answers(answers)
  assert rows[0] == Row("Regen", 1, 0.5, "a#1", VIDEO, 1.5, 2.5)
  assert rows[1].source == "c" and not rows[1].has_times and len(rows) == 2
  path = tmp_path / "hits.json"
  path.write_text(json.dumps([x.to_json() for x in answers]))
  assert str(found.of_json(path)) == str(rows)


@pytest.mark.parametrize("text", [
    "[", "{}", "[1]", '[{"text": "x"}]', '[{"text": 1, "hits": []}]',
    '[{"text": "x", "hits": [1]}]',
    '[{"text": "x", "hits": [{"name": "a", "source": "", "rank": 1, "score": "1"}]}]',
    '[{"text": "x", "hits": [{"name": "a", "source": "", "rank": 1, "score": 1, "start": NaN}]}]',
    '[{"text": "x", "hits": [{"name": "a", "source": "", "rank": true, "score": 1}]}]',
    f'[{{"text": "{LONG}", "hits": [{{"name": "a", "source": "", "rank": 1, "score": 1}}]}}]',
])  # fmt: skip
def test_other_files_are_no_hits(tmp_path, text):
  """One with a text of twenty thousand characters neither."""
  path = tmp_path / "hits.json"
  path.write_text(text)
  with pytest.raises(UserError, match="holds no hits that `query --json` has written"):
    found.of_json(path)


@pytest.mark.parametrize("kind", ["vtt", "srt"])
def test_subtitles(tmp_path, kind):
  pytest.importorskip("webvtt")
  summary = writing.write(ROWS, kind, tmp_path)
  one, two = tmp_path / f"montag früh/Gespräch 1.{kind}", tmp_path / f"b.v2.{kind}"
  assert summary.written == {str(one): 2, str(two): 1} and summary.without_times == 1
  assert tier(one) == [*TIER, (2.0, 4.0, "Wind (1, 0.750)")]
  assert tier(two) == [(0.0, 1.0, "Regen & Süd (2, 0.400)")]


def test_json(tmp_path):
  writing.write(ROWS, "json", tmp_path)
  content = json.loads((tmp_path / "montag früh/Gespräch 1.json").read_text())
  assert content["video"] == VIDEO and content["hits"][1]["text"] == "Wind"


@pytest.mark.parametrize("kind", ["vtt", "srt", "json", "eaf"])
def test_the_content_of_a_file_without_one(tmp_path, kind):
  videos = tmp_path / "videos"
  rows = [row for row in ROWS if row.source in (VIDEO, "c")]
  data = writing.content(kind, VIDEO, rows, videos)
  writing.write(ROWS, kind, videos, videos=videos)
  path = videos / f"montag früh/Gespräch 1.{kind}"
  dated = re.compile(rb'DATE="[^"]*"')
  assert dated.sub(b"", path.read_bytes()) == dated.sub(b"", data)


def test_new_documents_of_elan(tmp_path):
  videos, out = tmp_path / "videos", tmp_path / "out"
  summary = writing.write(ROWS, "eaf", out, videos=videos)
  path = out / "montag früh/Gespräch 1.eaf"
  assert summary.new == 2 and summary.written[str(path)] == 2
  content = path.read_bytes()
  assert structure.faults(content) == [] and b'FORMAT="3.0"' in content
  assert tier(path) == TIER and tier(path, "SEARCH-2") == [(2.0, 4.0, "Wind (1, 0.750)")]
  (media,) = eaf.read(path).media
  assert media == {
      "MEDIA_URL": f"file://{videos}/{VIDEO}", "MIME_TYPE": "video/mp4",
      "RELATIVE_MEDIA_URL": f"../../videos/{VIDEO}",
  }  # fmt: skip
  assert writing.write(ROWS, "eaf", out, videos=videos).new == 0
  assert path.read_bytes() == content
  # What annotators have added there since then stays.
  path.write_bytes(content.replace(b"    <LINGUISTIC", b"    <TIER TIER_ID='MINE' "
                                   b"LINGUISTIC_TYPE_REF='sign_jax-search'/>\n    <LINGUISTIC"))
  writing.write(ROWS[:1], "eaf", out)
  assert b"TIER_ID='MINE'" in path.read_bytes() and tier(path) == TIER
  assert structure.faults(path.read_bytes()) == []


@pytest.fixture
def own(tmp_path):
  """A folder of an annotator's documents, of which one links the video under another name."""
  folder = tmp_path / "own"
  (folder / "deep").mkdir(parents=True)
  (folder / "deep/Sitzung.eaf").write_text(TEXT, encoding="utf-8")
  (folder / "b.v2.eaf").write_text(rich.BARE)
  (folder / "not in use.eaf").write_text("broken")
  return folder


def test_documents_of_annotators(own, tmp_path):
  out = tmp_path / "out"
  summary = writing.write(ROWS, "eaf", out, into=own)
  path = out / "deep/Sitzung.eaf"
  assert set(summary.written) == {str(path), str(out / "b.v2.eaf")} and not summary.failed
  assert summary.new == 0 and tier(path) == TIER
  assert eaf_tier.taken_out(eaf.read(path)).decode() == TEXT
  assert (own / "deep/Sitzung.eaf").read_text(encoding="utf-8") == TEXT
  content = path.read_bytes()
  writing.write(ROWS, "eaf", out, into=own)
  assert path.read_bytes() == content
  # In place, the same.
  writing.write(ROWS, "eaf", own, into=own)
  assert (own / "deep/Sitzung.eaf").read_bytes() == content
  writing.write(ROWS, "eaf", own, into=own)
  assert (own / "deep/Sitzung.eaf").read_bytes() == content


def test_what_was_annotated_in_a_copy_is_not_lost(own, tmp_path):
  out = tmp_path / "out"
  writing.write(ROWS, "eaf", out, into=own)
  path = out / "deep/Sitzung.eaf"
  changed = path.read_text(encoding="utf-8").replace("stroke", "hold")
  path.write_text(changed, encoding="utf-8")
  summary = writing.write(ROWS, "eaf", out, into=own)
  assert "holds something else than" in summary.failed[VIDEO] and len(summary.written) == 1
  assert path.read_text(encoding="utf-8") == changed
  assert not writing.write(ROWS, "eaf", out, into=out).failed
  assert "hold" in path.read_text(encoding="utf-8")


def test_times_of_a_video_that_begins_later(own, tmp_path):
  rows = [Row("x", n, 0.5, "s", "cam/side.mp4", *times)
          for n, times in enumerate([(2.0, 3.0), (1.0, 1.75), (0.5, 1.5)], 1)]  # fmt: skip
  path = tmp_path / "out/deep/Sitzung.eaf"
  summary = writing.write([*ROWS, *rows], "eaf", tmp_path / "out", into=own)
  assert summary.written[str(path)] == 4
  # Two videos of one document; the last row ends before its time begins.
  assert tier(path)[0] == (0.0, 0.25, "x (2, 0.500)")
  both = tier(path) + tier(path, "SEARCH-2")
  assert (0.5, 1.5, "x (1, 0.500)") in both and TIER[0] in both and len(both) == 4


def linking(path, *places):
  """A document with links to videos, of which the n-th begins n seconds earlier."""
  media = "".join(f'<MEDIA_DESCRIPTOR MEDIA_URL="{x}" MIME_TYPE="video/mp4" '
                  f'TIME_ORIGIN="{1000 * n}"/>' for n, x in enumerate(places))  # fmt: skip
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text(rich.BARE.replace("<HEADER/>", f"<HEADER>{media}</HEADER>"))


def hits(*videos):
  return [Row("x", 1, 0.5, video, video, 5, 6) for video in videos]


@pytest.mark.parametrize("place", ["file:///D:/monday/a.mp4", "./a.mp4", "file:///D:/videos/a.mp4"])
@pytest.mark.parametrize("known", [(), ("monday/a.mp4",)])
def test_hits_of_another_folder_are_not_put_into_a_document(tmp_path, place, known):
  linking(tmp_path / "monday/a.eaf", place)
  before = (tmp_path / "monday/a.eaf").read_bytes()
  summary = writing.write(hits("tuesday/a.mp4", "a.mp4"), "eaf", tmp_path, into=tmp_path)
  assert set(summary.written) == {str(tmp_path / x) for x in ("tuesday/a.eaf", "a.eaf")}
  assert (tmp_path / "monday/a.eaf").read_bytes() == before
  writing.write(hits(*known, "tuesday/a.mp4"), "eaf", tmp_path, into=tmp_path)
  assert b"SEARCH-2" not in (tmp_path / "monday/a.eaf").read_bytes()
  assert (b"SEARCH" in (tmp_path / "monday/a.eaf").read_bytes()) == bool(known)


@pytest.mark.parametrize("name, place, video, known, is_its", [
    ("s.eaf", "file:///D:/monday/a.mp4", "monday/a.mp4", (), True),
    ("s.eaf", "file:///D:/monday/a.mp4", "a.mp4", ("monday/a.mp4",), False),
    ("s.eaf", "file:///D:/monday/a.mp4", "monday/a.mp4", ("a.mp4",), True),
    ("s.eaf", "file:///D:/monday/a.mp4", "tuesday/a.mp4", ("monday/a.mp4",), False),
    ("s.eaf", "file:///D:/monday/a.mp4", "tuesday/a.mp4", (), None),
    ("s.eaf", "a.mp4", "a.mp4", (), True),
    ("s.eaf", "file:///D:/videos/a.mp4", "a.mp4", (), True),
    ("monday/s.eaf", "a.mp4", "monday/a.mp4", (), True),
    ("monday/s.eaf", "..\\tuesday\\a.mp4", "tuesday/a.mp4", (), True),
    ("monday/s.eaf", "a.mp4", "a.mp4", (), None),
    ("b.eaf", "file:///D:/monday/a.mp4", "monday/a.mp4", ("b.mp4",), False),
])  # fmt: skip
def test_whose_a_document_is(tmp_path, name, place, video, known, is_its):
  linking(tmp_path / name, place)
  own = documents.find(tmp_path)
  if is_its is None:
    with pytest.raises(UserError, match="may be one of another folder: .* give it the name"):
      own.of(video, known)
  else:
    assert own.of(video, known) == (tmp_path / name if is_its else None)


def test_of_two_links_of_one_name_each_has_its_own_beginning(tmp_path):
  linking(tmp_path / "s.eaf", "file:///D:/monday/a.mp4", "file:///D:/tuesday/a.mp4")
  summary = writing.write(hits("monday/a.mp4", "tuesday/a.mp4"), "eaf", tmp_path, into=tmp_path)
  assert summary.written == {str(tmp_path / "s.eaf"): 2}
  spans = tier(tmp_path / "s.eaf")
  assert [x[:2] for x in spans] == [(4, 5), (5, 6)]


def test_a_tier_without_a_type_stops_nothing(tmp_path):
  linking(tmp_path / "a.eaf", "a.mp4")
  text = (tmp_path / "a.eaf").read_text()
  (tmp_path / "a.eaf").write_text(text.replace("<TIME_ORDER/>", "<TIME_ORDER/><TIER TIER_ID='x'/>"))
  for _ in range(2):
    summary = writing.write(hits("a.mp4", "b.mp4"), "eaf", tmp_path, into=tmp_path)
    assert len(summary.written) == 2


def test_documents_that_cannot_be_used_stop_no_others(own, tmp_path):
  (own / "second.eaf").write_text(TEXT, encoding="utf-8")
  (own / "b.v2.eaf").write_text("broken")
  summary = writing.write([*ROWS, Row("x", 1, 0.5, "d", "d.mp4", 0, 1)], "eaf", own, into=own)
  assert "is linked by 2 documents" in summary.failed[VIDEO]
  assert "b.v2.eaf, line 1: this is no XML" in summary.failed["b.v2.MOV"]
  assert list(summary.written) == [str(own / "d.eaf")] and summary.new == 1
  assert (own / "b.v2.eaf").read_text() == "broken"


def test_links_are_not_replaced_and_rights_stay(own, tmp_path):
  there = tmp_path / "elsewhere.eaf"
  (own / "b.v2.eaf").rename(there)
  (own / "b.v2.eaf").symlink_to(there)
  (own / "deep/Sitzung.eaf").chmod(0o640)
  summary = writing.write(ROWS, "eaf", own, into=own)
  assert "b.v2.eaf is a link" in summary.failed["b.v2.MOV"] and there.read_text() == rich.BARE
  assert list(summary.written) == [str(own / "deep/Sitzung.eaf")]
  assert (own / "deep/Sitzung.eaf").stat().st_mode & 0o777 == 0o640


def test_no_video_leads_out_of_the_folder(tmp_path):
  for source in ("../x.mp4", "/etc/x.mp4", "a/../../x.mp4", "C:\\x.mp4"):
    summary = writing.write([Row("x", 1, 0.5, "x", source, 0, 1)], "vtt", tmp_path / "out")
    assert "is no path inside" in summary.failed[source] and not summary.written
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["vtt", "eaf"])
def test_a_path_that_is_too_long_stops_no_others(tmp_path, kind):
  long = f"{'x' * 200}/" * 30
  summary = writing.write(hits(f"{long}a.mp4", "b.mp4"), kind, tmp_path)
  assert list(summary.written) == [str(tmp_path / f"b.{kind}")]
  assert "cannot be written (File name too long)" in summary.failed[f"{long}a.mp4"]


def test_two_videos_of_one_stem_have_files_of_their_own(tmp_path):
  sources = ("a.mp4", "a.mov", "b.mov", "a.mp4.mkv")
  rows = [Row("x", 1, 0.5, "x", source, 0, 1) for source in sources]
  summary = writing.write(rows, "vtt", tmp_path)
  assert [x.removeprefix(f"{tmp_path}/") for x in summary.written] == [
      "a.mp4.vtt", "a.mov.vtt", "b.vtt", "a.mp4.mkv.vtt",
  ]  # fmt: skip


def test_the_command(tmp_path, capsys):
  hits = [Hit(Entry("a#1", VIDEO), 0.5, 1.5, 2.5), Hit(Entry("c"), 0.25)]
  path = tmp_path / "hits.json"
  path.write_text(json.dumps([Answer("Regen & Süd", hits, 9, 2, 0.0).to_json()]))
  args = ("export", "--json", path, "--out", tmp_path / "out", "--format")
  assert runs.call(*args, "eaf") == 0
  told = capsys.readouterr().out
  assert "files written                  1" in told and "hits without times             1" in told
  assert tier(tmp_path / "out/montag früh/Gespräch 1.eaf") == TIER
  own = tmp_path / "own"
  own.mkdir()
  (own / "x.eaf").write_text(TEXT.replace('"SENTENCE"', '"SEARCH"'), encoding="utf-8")
  assert runs.call(*args, "eaf", "--into", own) == 1
  assert "it has a tier 'SEARCH' of its own, pass another --tier" in capsys.readouterr().out
  assert runs.call(*args, "eaf", "--into", own, "--tier", "FOUND") == 0


@pytest.mark.parametrize(("args", "words"), [
    (("--format", "vtt"), "pass --index and --workdir to search, or --json"),
    (("--format", "vtt", "--json", "x", "sentence"), "pass what to search for, or --json"),
    (("--format", "vtt", "--json", "x", "--like", "y"), "pass what to search for, or --json"),
    (("--format", "vtt", "--json", "x", "--into", "y"), "are for --format eaf, and not vtt"),
    (("--format", "eaf", "--json", "x", "--tier", "SEARCH-2"), "ends in no digit"),
    (("--format", "eaf", "--json", "x"), "there is no file x"),
])  # fmt: skip
def test_mistakes_are_one_sentence(tmp_path, capsys, monkeypatch, args, words):
  monkeypatch.chdir(tmp_path)
  assert runs.call("export", "--out", tmp_path / "out", *args) == 1
  assert words in capsys.readouterr().err and not (tmp_path / "out").exists()
