"""`data_builders.check` on annotations: sizes, ceilings of R@1, leaks, repeats, damage."""

import json

import numpy as np
import pytest

from data_builders import check
from data_builders.checks import sentences
from data_builders.checks.report import Report
from data_builders.corpus.clips import Clip
from sign_jax.metrics import retrieval
from tests.data_builders import trees
from tests.data_builders.checked import CORPORA, found, items
from tests.videos import truncate


def make_clips(repeats, videos=None):
  """Clips of sentences of which groups of `repeats` have one text; `videos` of each sentence."""
  made = []
  for text, count in enumerate(repeats):
    for copy in range(count):
      number = (videos or {}).get((text, copy), 1)
      made += [
        Clip(f"v{text}.{copy}.{i}", f"s{text}.{copy}", f"Text {' ' * copy}{text}.")
        for i in range(number)
      ]
  return made


def test_ceilings_of_known_repetitions():
  # How2Sign's 1969 sentences, 58 of them in 19 groups of one text; PHOENIX-2014T's 642, 18 in 6.
  how2sign = [11, 7, *[3] * 6, *[2] * 11]
  highest = sentences.ceilings(make_clips(how2sign + [1] * (1969 - 58)))
  assert highest["t2v/R@1"] == pytest.approx(100 * 1930 / 1969)
  assert highest["t2v/R@5"] == pytest.approx(100 * (1969 - 6 - 2) / 1969)
  assert highest["v2t/R@1"] == pytest.approx(100 * 1930 / 1969)  # one video each
  assert highest["v2t/R@10"] == pytest.approx(100 * (1969 - 11 * (1 - 10 / 11)) / 1969)
  phoenix = sentences.ceilings(make_clips([6, 3, 3, 2, 2, 2] + [1] * 624))
  assert phoenix["t2v/R@1"] == phoenix["v2t/R@1"] == pytest.approx(100 * 630 / 642)
  assert set(sentences.ceilings(make_clips([1] * 5)).values()) == {100.0}


REPEATS, VIDEOS = [3, 2, 1, 1], {(0, 0): 4, (0, 2): 2, (1, 1): 3, (2, 0): 2}


def scores(clips, text_score, rng=None):
  """(videos, sentences) scores that depend on a sentence's text alone, as a model's do."""
  names = list(dict.fromkeys(clip.sentence_id for clip in clips))
  own = np.array([names.index(clip.sentence_id) for clip in clips])
  text = np.array([int(name[1:].split(".")[0]) for name in names])
  return text_score(len(clips), text[own])[:, text], own


def ideal(noise):
  """A video's own text first; videos of one text in a random order where there is noise."""

  def text_score(videos, text):
    matrix = np.zeros((videos, 1 + max(text)))
    matrix[np.arange(videos), text] = 10 + noise * np.random.default_rng(0).random(videos)
    return matrix

  return text_score


@pytest.mark.parametrize("noise", [0, 1])
def test_a_perfect_model_reaches_the_ceilings(noise):
  clips = make_clips(REPEATS, VIDEOS)
  actual = retrieval.retrieval_metrics(*scores(clips, ideal(noise)))
  for metric, percent in sentences.ceilings(clips).items():
    assert actual[metric] == pytest.approx(percent), metric


def test_no_model_passes_the_ceilings():
  clips, rng = make_clips(REPEATS, VIDEOS), np.random.default_rng(1)
  highest, best = sentences.ceilings(clips), {}
  for trial in range(300):
    spread = rng.choice([0.0, 1.0, 8.0, 20.0])
    levels = rng.choice([2, 5, 1000])  # few levels make many ties

    def text_score(videos, text, spread=spread, levels=levels):
      matrix = ideal(0)(videos, text) + spread * rng.random((videos, 1 + max(text)))
      return np.round(matrix * levels / 20)

    actual = retrieval.retrieval_metrics(*scores(clips, text_score))
    for metric, percent in highest.items():
      assert actual[metric] <= percent + 1e-9, (trial, metric)
      best[metric] = max(best.get(metric, 0), actual[metric])
  assert best["t2v/R@1"] > 50 and best["v2t/R@1"] > 50


def test_sizes_are_compared_with_the_published_ones(tmp_path):
  trees.phoenix14t(tmp_path)
  findings = found("phoenix14t", tmp_path)
  items(findings, "warning", "test has 5 videos and 5 sentences, the published one 642 videos and "
        "642 sentences (protocol cico)")  # fmt: skip
  trees.csl_daily(tmp_path / "csl")
  findings = found("csl_daily", tmp_path / "csl")
  items(findings, "warning", "the published one 18401 videos (protocol cico)")
  items(findings, "warning", "the published one 1176 videos and 798 sentences")
  made = Report("how2sign", "cico", "x")
  sizes = {"test": make_clips([1] * 1969, {(0, 0): 2348 - 1968})}
  check.annotations.check_sizes(made, sizes, {"test": (2348, 1969)})
  assert not made.findings
  check.annotations.check_sizes(made, sizes, {"test": (2348, 1968)})
  check.annotations.check_sizes(made, sizes, {"test": (2347, None)})
  assert [finding.level for finding in made.findings] == ["warning", "warning"]


@pytest.mark.parametrize(
  ("name", "protocol", "test_split"),
  [("how2sign", "cico", "2348 / 1969"), ("how2sign", "seds", "2342 / 1964"),
   ("how2sign", "csv", "2357 / ?"), ("phoenix14t", "cico", "642 / 642"),
   ("csl_daily", "cico", "1176 / 798")],
)  # fmt: skip
def test_the_published_sizes_are_those_of_the_protocol(tmp_path, name, protocol, test_split):
  CORPORA[name](tmp_path)
  checked = check.check(name, tmp_path, protocol)
  assert checked.splits["test"]["published"].startswith(test_split.rstrip("?"))


@pytest.mark.parametrize("protocol", ["official", "cico"])
def test_the_leak_in_dev_pkl_is_told(tmp_path, protocol):
  trees.phoenix14t(tmp_path, videos_per_split=6)
  findings = found("phoenix14t", tmp_path, protocol)
  path = tmp_path / "cico/dev.pkl"
  items(findings, "warning", f"{path} lists 12 videos, 6 of them also in train.pkl")
  assert check.check("phoenix14t", tmp_path, protocol).splits["validation"]["videos"] == 6


def test_a_corpus_without_the_leak_is_not_suspected(tmp_path):
  trees.csl_daily(tmp_path)
  assert not [text for _, text in found("csl_daily", tmp_path) if "dev.pkl" in text]


def test_repeated_and_shared_captions(tmp_path):
  trees.phoenix14t(tmp_path)  # five videos with two texts in each split, the same ones
  checked = check.check("phoenix14t", tmp_path, "cico")
  findings = {(finding.level, finding.text): finding.items for finding in checked.findings}
  repeated = items(findings, "note", "test: 5 of 5 sentences have the text of another")
  assert [item.reason for item in repeated] == ["3 sentences, 3 videos", "2 sentences, 2 videos"]
  assert checked.ceilings["test"]["t2v/R@1"] == checked.splits["test"]["t2v R@1 at most"] == 40.0
  assert checked.splits["test"]["different texts"] == 2
  shared = items(findings, "note", "5 of 5 sentences of test have a text that is in train too")
  assert len(shared) == 2


def test_sentences_in_two_splits_are_warnings(tmp_path):
  trees.how2sign(tmp_path)
  rows = [{**row, "SENTENCE_ID": row["SENTENCE_ID"].replace("tes", "tra")}
          for row in trees.how2sign_rows("test")]  # fmt: skip
  train = {row["SENTENCE_ID"]: row["SENTENCE"] for row in trees.how2sign_rows("train")}
  for row in rows:
    row["SENTENCE"] = train[row["SENTENCE_ID"]]
  trees.how2sign_pickle(tmp_path, "test", rows)
  trees.how2sign_table(tmp_path, "test", rows)
  findings = found("how2sign", tmp_path)
  shared = items(findings, "warning", "4 sentences of test, by id, in train too")
  assert [item.name for item in shared] == sorted(train)


def test_entries_that_cannot_be_used_are_errors(tmp_path, capsys):
  trees.csl_daily(tmp_path)
  names = trees.csl_names("test", sentences=4)
  entries = [{"video_name": name, "ori_text": "好", "text": "Good.", "num_frames": 40}
             for name in names]  # fmt: skip
  entries[0] |= {"text": " \t ", "ori_text": ""}
  entries[1]["num_frames"] = -5
  entries[3]["text"] = ""
  content = {f"s{i}": [entry] for i, entry in enumerate(entries)}
  content["again"] = [entries[2]]
  trees.dump(tmp_path / "cico/test.pkl", content)
  with pytest.raises(SystemExit) as stopped:
    check.main(["csl_daily", "--manual_dir", str(tmp_path), "--protocol", "cico"])
  assert stopped.value.code == 1
  out = capsys.readouterr().out
  assert "error: test: 3 of 9 entries of the annotations cannot be used" in out
  for words in ("has no text", "number of frames", "listed a second time"):
    assert words in out
  warning = "warning: test: no translation for 1 of 6 videos, so that the original sentence is read"
  assert f"{warning} among translated ones\n  {names[3]}\n" in out


def test_annotations_that_cannot_be_read_are_an_error(tmp_path, capsys):
  trees.how2sign(tmp_path)
  truncate(tmp_path / "cico/test.pkl", 0.5)
  with pytest.raises(SystemExit) as stopped:
    check.main(["how2sign", "--manual_dir", str(tmp_path), "--json", str(tmp_path / "r.json")])
  assert stopped.value.code == 1
  out = capsys.readouterr().out
  assert "error: the annotations cannot be read:" in out and "test.pkl is no complete" in out
  assert out.splitlines()[-1] == "1 error, 0 warnings, 0 notes"
  assert json.loads((tmp_path / "r.json").read_text())["counts"]["error"] == 1


def test_names_of_items_cannot_write_to_the_terminal():
  made = Report("x", "y", "z")
  clips = [Clip(f"v{i}", f"s{i}", "a\x1b[2Jb\nc") for i in range(2)]
  sentences.check(made, {"test": clips}, {})
  assert all(line.isprintable() for line in made.lines())
