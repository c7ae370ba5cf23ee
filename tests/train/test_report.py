import json

import pytest

from sign_jax.train import report


def write(workdir, lines):
  (workdir / "metrics.jsonl").write_text("".join(lines))


def row(step, **numbers):
  return json.dumps({"step": step, **numbers}) + "\n"


def test_rows_are_appended(tmp_path):
  writer = report.MetricsWriter(tmp_path, 0)
  writer.write(1, {"loss": 2.5})
  writer.write(2, {"loss": 2.0, "learning_rate": 0.1})
  assert report.read_metrics(tmp_path / "metrics.jsonl") == [  # readable while the run goes on
      {"step": 1, "loss": 2.5}, {"step": 2, "loss": 2.0, "learning_rate": 0.1}
  ]
  writer.close()
  assert list((tmp_path / "tensorboard").glob("events*"))


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_last_line_that_was_cut_off_is_forgotten(tmp_path, cut):
  write(tmp_path, [row(1, loss=3.0), row(2, loss=2.0)[:cut]])
  writer = report.MetricsWriter(tmp_path, 1)
  writer.write(2, {"loss": 1.5})
  writer.close()
  assert (tmp_path / "metrics.jsonl").read_text() == row(1, loss=3.0) + row(2, loss=1.5)


def test_rows_after_the_resumed_step_are_dropped(tmp_path):
  before = [row(2, loss=3.0), row(4, loss=2.0), row(4, score=1.0)]
  write(tmp_path, [*before, row(6, loss=1.0), row(6, score=2.0)])
  report.MetricsWriter(tmp_path, 4).close()
  assert (tmp_path / "metrics.jsonl").read_text() == "".join(before)
  report.MetricsWriter(tmp_path, 0).close()
  assert (tmp_path / "metrics.jsonl").read_text() == ""


BAD = ['{"step": 3, "lo\udcffss": 1.0}\n', "\n", "[4]\n", '{"loss": 1.0}\n', "{" * 99_999 + "\n",
       '{"step": "4"}\n', '{"step": 4, "loss": [1]}\n', "\0\0\0\n"]  # fmt: skip


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: repr(bad[:12]))
def test_a_damaged_line_costs_no_other_line(tmp_path, bad, capsys):
  good = [row(2, loss=3.0), row(4, loss=2.0), row(4, score=1.0)]
  text = "".join([*good[:1], bad, *good[1:]])
  (tmp_path / "metrics.jsonl").write_bytes(text.encode(errors="surrogateescape"))
  assert [r["step"] for r in report.read_metrics(tmp_path / "metrics.jsonl")] == [2, 4, 4]
  report.MetricsWriter(tmp_path, 4).close()
  assert (tmp_path / "metrics.jsonl").read_text() == "".join(good)
  assert (tmp_path / "metrics.damaged").read_bytes() == bad.encode(errors="surrogateescape")
  assert "has 1 damaged lines, which are moved" in capsys.readouterr().err
  report.MetricsWriter(tmp_path, 4).close()
  assert not capsys.readouterr().err


def test_results_of_other_settings_have_a_name_of_their_own():
  assert report.results_name() == "results.json"
  assert report.results_name(["ties=released", "data=0a/b"]) == (
      "results-ties=released-data=0a_b.json"
  )


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
  path = tmp_path / "results.json"
  report.write_json(path, {"b": 1.5, "a": 2})
  text = path.read_text()
  assert json.loads(text) == {"a": 2, "b": 1.5} and text.index('"a"') < text.index('"b"')
  with pytest.raises(TypeError):
    report.write_json(path, {"a": object()})
  assert path.read_text() == text
  assert [p.name for p in tmp_path.iterdir()] == ["results.json"]


@pytest.mark.parametrize("lines", [
    [], [row(1, loss=2.0)], [row(1, loss=2.0), row(1, **{"validation/t2v/R@1": 5.0})],
], ids=["empty", "loss", "both"])
def test_curves_are_drawn_of_what_there_is(tmp_path, lines):
  write(tmp_path, lines)
  report.draw_curves(tmp_path, "t2v/R@1", "a title")
  assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
