"""The task of continuous recognition, with a system that says what its videos hold."""

import contextlib
import dataclasses

import jax
import numpy as np
import pytest
import safetensors.numpy
from ml_collections import ConfigDict

from sign_jax.errors import UserError
from sign_jax.metrics import word_error
from sign_jax.tasks.continuous import Continuous
from tests.sentences import SYSTEM, ReaderRecognizer, Videos

TRAIN = ["A B C", "B B", "C A", "A"]  # the classes 1, 2 and 3


def config(**changes):
  made = ConfigDict({
      "seed": 0, "batch_size": 2, "eval_batch_size": 2, "quick_compile": False,
      "data": {
          "name": "none", "data_dir": "", "videos": "", "flow": "", "buckets": (16, 40),
          "stretch": (1.0, 1.0), "pool": 1, "size_stored": 8, "clean": "", "cache_gib": 0.1,
          "num_workers": 0, "reader_timeout": 0.0,
      },
      "model": {"name": "reader", "num_classes": 0},
      "init": {"model": ""},
      "decode": {"width": 3, "search": "standard", "merge_repeated": False},
  })  # fmt: skip
  made.update_from_flattened_dict({key.replace("__", "."): x for key, x in changes.items()})
  return made


def task(references, says, counts=None, train=TRAIN, spans=None, system=SYSTEM, **changes):
  """One whose validation split says `says`, a list of classes of each video's steps."""
  counts = counts or [4 * len(one) for one in says]
  splits = {
      "train": Videos(train, [20] * len(train), ("video",)),
      "validation": Videos(references, counts, ("video",), "validation", says=says, spans=spans),
  }
  return Continuous(config(**changes), system, splits)


def evaluated(made):
  variables = made.init(jax.random.key(0))
  return made.evaluate(variables, "validation", lambda batch: jax.tree.map(np.asarray, batch))


def test_errors_are_those_of_what_the_videos_say():
  references = ["A B C", "B B", "C", "A B"]
  says = [[1, 1, 0, 2, 3], [2, 0, 2], [1, 1], [0, 1, 0, 2, 0, 3]]
  made = task(references, says)
  found = evaluated(made)
  expected = word_error.word_errors(
      [text.split() for text in references], [["A", "B", "C"], ["B", "B"], ["A"], ["A", "B", "C"]]
  ).percent()
  assert found == pytest.approx(expected)
  assert found["substitutions"] == found["insertions"] == pytest.approx(100 / 8)
  (name, text), = made.texts("validation").items()
  assert name == "alignments_validation.txt"
  parts = text.split("\n\n")
  assert parts[2].splitlines() == [
      "video 2 of validation", "Scores: (#C #S #D #I) 0 1 0 0", "REF:  C", "HYP:  A", "Eval: S",
  ]
  table = made.table({f"validation/{key}": x for key, x in found.items()}, "validation")
  assert "25.0" in table and "4 videos, 8 glosses" in table


def test_merging_repeats_loses_one_that_is_meant():
  assert evaluated(task(["B B"], [[2, 0, 2]]))["wer"] == 0
  found = evaluated(task(["B B"], [[2, 0, 2]], decode__merge_repeated=True))
  assert found["wer"] == found["deletions"] == 50


def test_an_empty_reference_counts_what_is_said_and_an_unknown_gloss_is_an_error():
  made = task(["", "A NEW"], [[1, 0], [1, 0, 2]])
  found = evaluated(made)
  assert found["insertions"] == 50 and found["substitutions"] == 50
  facts = made.facts(("validation",))
  assert facts["validation/empty"] == 1 and facts["validation/unknown"] == 1
  table = made.table({f"validation/{key}": x for key, x in found.items()}, "validation")
  assert "references without a gloss: 1" in table and "training has not seen: 1" in table


def test_both_sides_are_cleaned_by_the_rules_of_the_corpus():
  train, says = ["loc-NORD REGEN", "NORD REGEN"], [[1, 0, 2]]
  made = task(["NORD REGEN"], says, train=train)
  assert made.vocabulary.glosses == ("NORD", "REGEN", "loc-NORD")
  assert evaluated(task(["loc-NORD REGEN"], says, train=train))["wer"] == 50
  assert evaluated(task(["loc-NORD REGEN"], says, train=train, data__clean="phoenix14"))["wer"] == 0


def test_words_are_counted_as_errors_are_and_the_official_script_leaves_references_alone():
  train, says = ["loc-NORD REGEN", "NORD REGEN"], [[3, 0, 2, 0, 2]]
  facts = {}
  for clean in ("", "phoenix14", "phoenix14_official"):
    made = task(["loc-NORD REGEN REGEN"], says, train=train, data__clean=clean)
    facts[clean] = made.facts(("validation",))["validation/words"], evaluated(made)["wer"]
  assert facts[""] == (3, 0) and facts["phoenix14"] == (2, 0)
  assert facts["phoenix14_official"] == (3, pytest.approx(100 / 3))  # NORD for loc-NORD


def test_segments_are_compared_with_the_annotated_frames():
  spans = [np.array([[0, 7], [8, 19]], np.int32)]
  found = evaluated(task(["A B"], [[1, 1, 2, 2, 2]], spans=spans))
  assert found["segments"] == 100 and found["equal_cuts"] == pytest.approx(100)
  spans = [np.array([[0, 3], [4, 19]], np.int32)]
  found = evaluated(task(["A B"], [[1, 2, 2, 2, 2]], spans=spans))
  assert found["segments"] == 100
  assert found["equal_cuts"] == pytest.approx(100 * (4 / 8 + 12 / 16) / 2)


def test_long_videos_are_read_in_the_middle_and_of_all_shapes_there_are_two():
  says = [[1] * 2 + [2] * 10 + [3] * 2, [1, 2], [3]]
  made = task(["B", "A B", "C"], says)
  shapes = {batch["video"].shape[1] for batch in made.reader.eval_batches("validation")}
  assert shapes == {16, 40} and evaluated(made)["wer"] == 0


def test_training_learns_nothing_from_what_ctc_cannot_read_and_counts_it():
  made = task(["A"], [[1]], train=["A B C A B C", "A B C A B C"])  # six glosses in five steps
  made.reader.split("train").__init__(["A B C A B C"] * 2, [20, 20], ("video",), says=[[1] * 5] * 2)
  with contextlib.closing(made.train_batches(0)) as batches:
    batch = next(batches)
  variables = made.init(jax.random.key(0))

  def loss(params):
    return made.loss({**variables, "params": params}, batch, jax.random.key(0), 0)

  (value, (logged, updates)), grads = jax.value_and_grad(loss, has_aux=True)(variables["params"])
  assert value == 0 and logged["infeasible"] == 100 and grads["scale"] == 0
  assert updates["batch_stats"]["seen"] == 1


def test_a_lower_rate_is_the_better_one_and_names_begin_with_the_blank():
  made = task(["A"], [[1]])
  assert made.selection.is_better(20.0, 30.0) and not made.selection.is_better(30.0, 20.0)
  assert made.class_names == ["<blank>", "A", "B", "C"] and made.inputs == {"classes": 4}


def test_what_cannot_be_used_is_named():
  with pytest.raises(UserError, match="has 3 glosses, and the model has only 2 classes"):
    task(["A"], [[1]], model__num_classes=2)
  with pytest.raises(UserError, match="no reference of the validation split has a gloss"):
    evaluated(task([""], [[1]]))
  with pytest.raises(UserError, match="batch_size 8 exceeds the 4 training videos"):
    task(["A"], [[1]], batch_size=8).steps_per_epoch  # noqa: B018
  made = task(["A", "B"], [[1], [2]])
  variables = {"params": {"scale": np.float32("nan")}, "batch_stats": {"seen": np.float32(0)}}
  with pytest.raises(UserError, match="scores of 2 of the 2 videos .* weights params/scale"):
    made.evaluate(variables, "validation", lambda batch: batch)


class Words:
  """Features of texts, as many numbers for a token as `width`."""

  width = 5

  def rows(self, sentences):
    return {"text_end": np.zeros(len(sentences), np.int32)}


class Reading(ReaderRecognizer):
  """One that reads texts in training."""

  def words(self, config, sentences, folder, others=()):
    if not config.decode.width:
      raise UserError("there is no encoder")
    return Words()

  def inputs(self, config, classes, text_width):
    return {"classes": classes, "text_width": text_width}


def test_training_alone_needs_texts(capsys):
  system = dataclasses.replace(SYSTEM, recognizer=Reading())
  splits = task(["A"], [[1]]).reader._splits
  without = ConfigDict(config())
  without.decode.width = 0  # there are no texts
  made = Continuous(without, system, splits, noted={"text_width": 5})
  assert made.inputs["text_width"] == 5 and made.class_names[0] == "<blank>"
  assert made._eval_targets(splits["validation"]) is None
  assert "agree is not measured: there is no encoder" in capsys.readouterr().err
  with pytest.raises(UserError, match="there is no encoder"):
    made.train_batches(0)
  made = Continuous(config(), system, splits, noted={"text_width": 5})
  with contextlib.closing(made.train_batches(0)) as batches:
    assert "text_end" in next(batches)
  with pytest.raises(UserError, match="gives 5 numbers for a token, and this model reads 7"):
    Continuous(config(), system, splits, noted={"text_width": 7}).train_batches(0)
  assert Continuous(config(), system, splits).inputs["text_width"] == 5  # of a run that begins


def test_a_run_asks_its_system_about_the_classes_before_the_first_batch():
  def refuse(config, classes):
    raise UserError(f"the teacher is none of {' '.join(classes)}")

  system, splits = dataclasses.replace(SYSTEM, check_classes=refuse), task(["A"], [[1]]).reader
  made = Continuous(config(), system, splits._splits)
  with pytest.raises(UserError, match="none of <blank> A B C"):
    made.train_batches(0)


def test_what_a_files_classes_are_is_told_or_asked_for(tmp_path, capsys):
  file = tmp_path / "model.safetensors"
  safetensors.numpy.save_file({"params.scale": np.ones(1, np.float32)}, file)
  made = task(["A"], [[1]], init__model=str(file))
  with contextlib.suppress(UserError):  # of the weights themselves
    made.load(made.init(jax.random.key(0)))
  assert "nothing says which class of" in capsys.readouterr().err
  made = task(["A"], [[1]], init__model=str(file), model__num_classes=6)
  with pytest.raises(UserError, match="has 5 glosses and made_up:1.0.0 has 3, .*init.glosses"):
    made.load(made.init(jax.random.key(0)))


def test_a_model_of_more_classes_may_say_some_that_no_gloss_has():
  assert evaluated(task(["A"], [[1, 5, 1]], model__num_classes=6))["wer"] == 100  # A A
