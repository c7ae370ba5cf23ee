"""Runs of a system that reads words: resumed, evaluated, loaded and exported, with their words."""

import json
import shutil

import jax
import numpy as np
import pytest

import sign_jax
from sign_jax import export
from sign_jax.data import word_notes
from sign_jax.data.source import RetrievalSplit
from sign_jax.data.words import words
from sign_jax.errors import UserError
from sign_jax.run import task as run_task
from sign_jax.run import text_notes
from sign_jax.systems import registry
from tests import program

pytestmark = pytest.mark.usefixtures("quick_compile")

SMALL = {
  "data.name": "signing_sim/tiny", "data.video_length": 8, "data.text_length": 6,
  "batch_size": 8, "eval_batch_size": 8, "steps": 2, "eval_every": 2,
  "model.embed_dim": 16, "model.text.clusters": 2, "model.dtype": "float32",
}  # fmt: skip
NEW = ["the old doctor sleeps", "doctr", "xyzzyxyzzy", "Somebody ate the eggs in winter!"]


def captions(data_dir):
  return {
    split: RetrievalSplit("signing_sim/tiny", split, data_dir=str(data_dir), pairs=True)
    for split in ("train", "validation", "test")
  }


def arguments(workdir, data_dir, **changes):
  values = SMALL | {"data.data_dir": data_dir} | changes
  return ["--config=configs/spot_align.py", f"--workdir={workdir}",
          *(f"--config.{key}={value}" for key, value in values.items())]  # fmt: skip


def call(*args):
  with pytest.MonkeyPatch.context() as patch:
    return program.call(patch, *args)


@pytest.fixture(scope="module")
def run(data_dir, tmp_path_factory):
  """(workdir, its command line) of a run whose files of vectors and of lemmas are gone."""
  folder = tmp_path_factory.mktemp("words")
  found = {word for x in captions(data_dir).values() for text in x.sentence_texts
           for word in words(text)}  # fmt: skip
  rng = np.random.default_rng(0)
  rows = [f"{word} {' '.join(map(str, rng.standard_normal(5).round(3)))}"
          for word in sorted(found)[::2]]  # fmt: skip
  (folder / "vectors.txt").write_text("\n".join(rows))
  (folder / "lemmas.csv").write_text("word,lemma\nsleeps,sleep\nate,eat\n")
  args = arguments(folder / "run", data_dir, **{
    "model.text.embedding": "file", "model.text.file": folder / "vectors.txt",
    "model.text.lemmas": folder / "lemmas.csv",
  })
  call(*args)
  for name in ("vectors.txt", "lemmas.csv"):
    (folder / name).unlink()
  return folder / "run", args


@pytest.fixture(scope="module")
def model(run):
  return sign_jax.load(run[0])


def results(workdir):
  return json.loads((workdir / "results.json").read_text())


def numbers(found):
  return {name: value for name, value in found.items() if "/t2v/" in name or "/v2t/" in name}


def test_a_run_notes_its_words(run, data_dir):
  workdir, _ = run
  notes = word_notes.read(workdir / "word_vectors.npz")
  assert notes.vectors.shape == (len(notes.words), 5) and notes.lemmas["ate"] == "eat"
  config = json.loads((workdir / "config.json").read_text())
  assert config["inputs"]["text"] == [[6, 5], "float32"]
  assert results(workdir)["evaluation_protocol"] == "pair"


def test_it_goes_on_and_is_evaluated_without_the_files(run, data_dir):
  workdir, args = run
  before = results(workdir)
  assert numbers(call(*args)) == pytest.approx(numbers(before))
  assert numbers(call(*args, "--mode=evaluate")) == pytest.approx(numbers(before))
  call(*args, "--mode=evaluate", "--config.protocol=sentence")
  other = json.loads((workdir / "results-protocol=sentence.json").read_text())
  assert other["evaluation_protocol"] == "sentence"
  assert other["test/sentences"] < before["test/sentences"] == before["test/videos"]
  assert results(workdir)["evaluation_protocol"] == "pair"


def test_a_loaded_run_reads_texts_as_training_does(run, model, data_dir):
  found = sign_jax.evaluate(model, "test", config={"data.data_dir": str(data_dir)})
  expected = {k: x for k, x in numbers(results(run[0])).items() if k.startswith("test/")}
  assert numbers(found) == pytest.approx(expected)
  notes = text_notes.path(run[0])
  task = run_task.make(model.config, notes=notes)
  split = captions(data_dir)["test"]
  rows = task.text_reader.rows(split)(np.arange(split.num_sentences))
  direct = jax.jit(task.encode_text)(model.trained.variables, rows)
  encoded = model.encode_texts(split.sentence_texts)
  np.testing.assert_allclose(encoded.tokens, direct, atol=1e-6)
  assert len(model.encode_texts([])) == 0 and len(model.encode_texts(NEW)) == len(NEW)
  video = np.ones((3, model.trained.inputs["video"][0][-1]), np.float32)
  assert model.similarity([video], NEW).shape == (1, len(NEW))


def test_an_exported_folder_holds_the_words_and_no_path(run, model, data_dir, tmp_path):
  workdir, _ = run
  folder = tmp_path / "hub"
  export.main(["--workdir", str(workdir), "--out", str(folder), "--format", "hub"])
  text = (folder / "config.json").read_text()
  assert "vectors.txt" not in text and "lemmas.csv" not in text
  hub = sign_jax.load(folder)
  np.testing.assert_array_equal(
    hub.encode_texts(NEW).tokens, model.encode_texts(NEW).tokens
  )
  found = sign_jax.evaluate(hub, "test", config={"data.data_dir": str(data_dir)})
  expected = {k: x for k, x in numbers(results(workdir)).items() if k.startswith("test/")}
  assert numbers(found) == pytest.approx(expected)
  assert "evaluation_protocol: pair" in (folder / "README.md").read_text()
  np.savez(folder / "word_vectors.npz", words=np.zeros(3, np.int64))
  with pytest.raises(UserError, match="word_vectors.npz is no file of a run's words"):
    sign_jax.load(folder).encode_texts(NEW)


def test_words_of_another_model_are_refused(run, tmp_path):
  folder = shutil.copytree(run[0], tmp_path / "run")
  one = np.frombuffer(b"a", np.uint8)
  np.savez(folder / "word_vectors.npz", words=one, known=one[:0], numbers=np.zeros(0, np.int32),
           lemmas=one[:0], vectors=np.ones((1, 7), np.float32))  # fmt: skip
  with pytest.raises(UserError, match="holds the words of another model"):
    sign_jax.load(folder).encode_texts(NEW)


def test_a_file_of_weights_needs_the_words_beside_it(run, model, tmp_path):
  workdir, _ = run
  out = tmp_path / "weights.safetensors"
  export.main(["--workdir", str(workdir), "--out", str(out)])
  changes = {"data.text_length": 6, "data.video_length": 8, "model.dtype": "float32"}
  alone = sign_jax.load(out, config=changes)
  assert alone.system == "spot_align"
  with pytest.raises(UserError, match="pass it by|word_vectors.npz of its run, which is not"):
    alone.encode_texts(NEW)
  shutil.copy(workdir / "word_vectors.npz", tmp_path)
  found = sign_jax.load(out, config=changes).encode_texts(NEW)
  np.testing.assert_array_equal(found.tokens, model.encode_texts(NEW).tokens)


def test_weights_are_evaluated_by_the_words_beside_them(run, data_dir, tmp_path):
  workdir, args = run
  out = tmp_path / "weights.safetensors"
  export.main(["--workdir", str(workdir), "--out", str(out)])
  measure = [*args, f"--config.init.model={out}", "--mode=evaluate"]
  with pytest.raises(SystemExit), pytest.MonkeyPatch.context() as patch:
    program.call(patch, *measure, f"--workdir={tmp_path / 'without'}")
  shutil.copy(workdir / "word_vectors.npz", tmp_path)
  found = call(*measure, f"--workdir={tmp_path / 'with'}")
  assert numbers(found) == pytest.approx(numbers(results(workdir)))


def config(data_dir, **changes):
  values = registry.get("spot_align").config(None)
  values.update_from_flattened_dict(
    SMALL | {"data.data_dir": str(data_dir), "model.text.lemmas": "none"}
    | {key.replace("__", "."): value for key, value in changes.items()}
  )
  return values


@pytest.fixture
def arrays(data_dir, tmp_path):
  """A file with an array for each video of the data set, of half precision."""
  rng = np.random.default_rng(0)
  ids = [video for split in captions(data_dir).values() for video in split.video_ids]
  path = tmp_path / "arrays.npz"
  np.savez(path, **{x: rng.standard_normal((rng.integers(1, 9), 4)).astype("f2") for x in ids})
  return path


def test_batches_of_each_sentence_s_vectors(data_dir, arrays):
  task = run_task.make(config(
    data_dir, model__text__embedding="file", model__text__file=str(arrays)
  ))
  batch = next(task.train_batches(0))
  assert "text_aug" not in batch and batch["text"].shape == (8, 6, 4)
  with np.load(arrays) as content:
    for row, name in enumerate(task.name_examples(1, list(range(8)))):
      split = task.split("train")
      video = split.video_ids.index(name.split("'")[1])
      first = split.videos_of_sentence[split.sentence_of_video[video]][0]
      expected = content[split.video_ids[first]][:6]
      np.testing.assert_array_equal(batch["text"][row][batch["text_valid"][row]], expected)


def test_a_run_on_vectors_of_each_sentence(data_dir, arrays, tmp_path):
  workdir = tmp_path / "run"
  call(*arguments(workdir, data_dir, **{
    "model.text.embedding": "file", "model.text.file": arrays, "steps": 1, "eval_every": 1,
  }))
  model = sign_jax.load(workdir)
  found = sign_jax.evaluate(model, "test")
  assert numbers(found) == pytest.approx(
    {k: x for k, x in numbers(results(workdir)).items() if k.startswith("test/")}
  )
  with pytest.raises(UserError, match="vectors that were made elsewhere.* cannot encode new ones"):
    model.encode_texts(NEW)
  arrays.unlink()
  with pytest.raises(UserError, match="there is no file .*arrays.npz"):
    sign_jax.evaluate(model, "test")


def test_a_sentence_without_an_array(data_dir, arrays):
  with np.load(arrays) as content:
    kept = dict(list(content.items())[1:])
  np.savez(arrays, **kept)
  task = run_task.make(config(
    data_dir, model__text__embedding="file", model__text__file=str(arrays)
  ))
  with pytest.raises(UserError, match="arrays.npz has no array of 1 of .* videos, the first is '"):
    task.train_batches(0)


def test_processes_read_what_the_first_one_wrote(data_dir, tmp_path):
  of = lambda seed: run_task.make(config(data_dir, model__text__embedding="corpus", seed=seed))
  first, second = of(0), of(0)
  text_notes.write(first, tmp_path)
  content = dict(np.load(tmp_path / text_notes.FILE))
  content["vectors"] = content["vectors"] + np.float32(1)  # as rounding elsewhere may differ
  np.savez(tmp_path / text_notes.FILE, **content)
  text_notes.share(second, tmp_path)
  batches = [next(task.train_batches(0)) for task in (first, second)]
  valid = batches[0]["text_valid"]
  np.testing.assert_array_equal(batches[1]["text_valid"], valid)
  np.testing.assert_allclose(batches[1]["text"], batches[0]["text"] + valid[..., None], rtol=1e-6)
  text_notes.write(second, tmp_path)  # a run that goes on keeps what it has noted
  np.testing.assert_array_equal(np.load(tmp_path / text_notes.FILE)["vectors"], content["vectors"])
