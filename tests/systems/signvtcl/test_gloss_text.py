"""Features of sentences: what a batch has, and what is kept on disk."""

import json
import pickle

import jax
import numpy as np
import pytest

from sign_jax.errors import UserError
from sign_jax.systems.signvtcl import gloss_text, mbart_text, tiny_text
from sign_jax.systems.signvtcl.gloss_text import open_text
from sign_jax.systems.signvtcl.gloss_tokens import MBartTokens
from tests.systems.signvtcl import texts

SENTENCES = [
    ("REGEN", "NORD"), ("SONNE",), ("MORGEN", "STARK", "WIND", "NORD", "NORDSUED"),
    ("WOLKE",) * 4,
]  # fmt: skip


@pytest.fixture(scope="module")
def files(once):
  """A folder of a vocabulary and of checkpoints of its small mBART."""

  def make(folder):
    path = folder / "sentencepiece.bpe.model"
    path.write_bytes(texts.vocabulary())
    _, variables = texts.encoder(len(MBartTokens(path, "de_DE", True)))
    texts.write(folder / "model.safetensors", texts.checkpoint(variables))
    texts.write(folder / "encoder.safetensors", texts.checkpoint(variables, whole=False))

  return once("small_mbart", make)


def config(files, **overrides):
  return texts.config(**{
      "encoder": "mbart", "weights": str(files / "model.safetensors"), "heads": texts.HEADS,
      "vocabulary": str(files / "sentencepiece.bpe.model"), **overrides,
  })  # fmt: skip


@pytest.fixture
def no_encoder(monkeypatch):
  """Lets nobody read weights or train."""
  def refuse(self):
    raise AssertionError("an encoder was made")

  for kind in (mbart_text.MBart, tiny_text.Tiny):
    monkeypatch.setattr(kind, "encoder", refuse)


@pytest.fixture(scope="module")
def found(files, once):
  return open_text(config(files), SENTENCES, once("text_features", lambda folder: None))


def test_rows_are_the_encoders(files, found):
  """Of each sentence alone, unpadded and not through the reader of weights."""
  tokens = MBartTokens(files / "sentencepiece.bpe.model", "de_DE", True)
  model, variables = texts.encoder(len(tokens))
  rows = found.rows([SENTENCES[2], SENTENCES[1], SENTENCES[2]])
  own = [tokens.of(sentence) for sentence in SENTENCES]
  length = max(len(each.ids) for each in own)
  assert rows["text"].shape == (3, length, texts.WIDTH) == (3, found.length, found.width)
  assert length > 16  # else one shape was compiled
  assert {x.dtype.name for x in rows.values()} == {"float32", "int32"}
  for row, place in enumerate((2, 1)):
    ids = np.array([own[place].ids])
    with jax.default_matmul_precision("highest"):
      expected = model.apply(variables, ids)[0]
    count = ids.shape[1]
    np.testing.assert_allclose(rows["text"][row, :count], expected, atol=1e-5)
    assert not rows["text"][row, count:].any()
    assert rows["gloss_of_token"][row].tolist() == [
        *own[place].glosses, *[-1] * (length - count)
    ]
    assert ids[0, rows["text_end"][row]] == 2
  for x in rows.values():
    np.testing.assert_array_equal(x[0], x[2])


def test_it_may_be_pickled(found):
  content = pickle.dumps(found)
  assert len(content) < 10_000
  again = pickle.loads(content).rows(SENTENCES)
  for name, x in found.rows(SENTENCES).items():
    np.testing.assert_array_equal(again[name], x)


def test_another_sentence_is_refused(found):
  with pytest.raises(KeyError):
    found.rows([("REGEN",)])


def test_an_encoder_alone_gives_the_same(files, found, tmp_path):
  alone = config(files, weights=str(files / "encoder.safetensors"))
  other = open_text(alone, SENTENCES, tmp_path)
  np.testing.assert_array_equal(other.rows(SENTENCES)["text"], found.rows(SENTENCES)["text"])


def test_a_second_start_reads_no_weights(files, tmp_path, no_encoder, monkeypatch, found):
  with pytest.raises(AssertionError, match="an encoder was made"):
    open_text(config(files), SENTENCES, tmp_path)
  folder = str(found._places[0].path.parent.parent)
  monkeypatch.setattr("sign_jax.systems.signvtcl.text_store.sha256", _small_only)
  again = open_text(config(files, cache_dir=folder), SENTENCES[::-1])
  assert again.digest == found.digest
  np.testing.assert_array_equal(again.rows(SENTENCES)["text"], found.rows(SENTENCES)["text"])


def _small_only(path):
  assert path.suffix == ".npy", f"{path} was read"
  return path.stem


@pytest.mark.parametrize("change", [
    {"language": "en_XX"}, {"lower_case": "no"}, {"heads": 4},
])  # fmt: skip
def test_other_settings_have_other_features(files, found, change, tmp_path):
  other = open_text(config(files, **change), SENTENCES, tmp_path)
  assert other.digest != found.digest
  mine, theirs = (x.rows(SENTENCES[:1])["text"] for x in (found, other))
  assert mine.shape != theirs.shape or np.abs(mine - theirs).max() > 1e-3


def test_only_what_is_missing_is_computed(files, tmp_path, monkeypatch):
  """As after a kill, and as where a data set has grown."""
  encoded = _watched(monkeypatch)
  open_text(config(files), SENTENCES[:2], tmp_path)
  assert encoded == [2]
  open_text(config(files), SENTENCES, tmp_path)
  assert encoded == [2, 2]
  open_text(config(files), SENTENCES[1:], tmp_path)
  assert encoded == [2, 2]


def _watched(monkeypatch):
  """The list of how many sentences were encoded each time."""
  counts, there = [], gloss_text._encoded
  monkeypatch.setattr(
      gloss_text, "_encoded", lambda f, ids, most: (counts.append(len(ids)), there(f, ids, most))[1]
  )
  return counts


def test_parts_are_kept_as_they_are_done(files, tmp_path, monkeypatch):
  monkeypatch.setattr(mbart_text.MBart, "most", 1)
  open_text(config(files), SENTENCES, tmp_path)
  assert len(list(tmp_path.rglob("*.npy"))) == len(SENTENCES)


def _flip(path):
  content = bytearray(path.read_bytes())
  content[-1] ^= 1
  path.write_bytes(content)


DAMAGE = {
    "numbers": (".npy", _flip),
    "half": (".npy", lambda path: path.write_bytes(path.read_bytes()[:200])),
    "missing": (".npy", lambda path: path.unlink()),
    "no list": (".json", lambda path: path.write_text("[]")),
    "cut": (".json", lambda path: path.write_text(path.read_text()[:-5])),
    "other list": (".json", lambda path: path.write_text(json.dumps({"sentences": [["a", 1]]}))),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_parts_are_computed_anew(files, found, tmp_path, monkeypatch, capsys, kind):
  open_text(config(files), SENTENCES, tmp_path)
  ending, damage = DAMAGE[kind]
  damage(next(path for path in tmp_path.rglob(f"*{ending}") if path.parent.name != "files"))
  encoded = _watched(monkeypatch)
  again = open_text(config(files), SENTENCES, tmp_path)
  assert encoded == [len(SENTENCES)]
  assert "is damaged" in capsys.readouterr().err
  np.testing.assert_allclose(
      again.rows(SENTENCES)["text"], found.rows(SENTENCES)["text"], atol=1e-5
  )
  open_text(config(files), SENTENCES, tmp_path)
  assert encoded == [len(SENTENCES)]  # once


def test_changed_weights_are_other_weights(files, found, tmp_path):
  tokens = MBartTokens(files / "sentencepiece.bpe.model", "de_DE", True)
  _, variables = texts.encoder(len(tokens))
  path = tmp_path / "model.safetensors"
  for scale in (1, 1.5):
    scaled = jax.tree.map(lambda x, scale=scale: x * np.float32(scale), variables)
    texts.write(path, texts.checkpoint(scaled))
    other = open_text(config(files, weights=str(path)), SENTENCES, tmp_path)
    same = np.allclose(other.rows(SENTENCES)["text"], found.rows(SENTENCES)["text"], atol=1e-5)
    assert same == (scale == 1)


def _without(name):
  return lambda state: {n: x for n, x in state.items() if n != name}


def _fewer_words(state):
  return state | {"model.shared.weight": state["model.shared.weight"][:-1]}


def _of_shape(name, *shape):
  return lambda state: state | {name: np.zeros(shape, np.float32)}


def _not_finite(state):
  return state | {"model.encoder.layer_norm.bias": np.full(texts.WIDTH, np.nan, np.float32)}


@pytest.mark.parametrize(("change", "overrides", "message"), [
    (_without("model.encoder.layers.1.fc2.bias"), {}, "1 missing .layers.1.fc2.bias."),
    (_without("model.shared.weight"), {}, "it has no matrix embed_tokens.weight"),
    (lambda state: {"fc.weight": np.ones((2, 2))}, {}, "it has no matrix embed_tokens.weight"),
    (_of_shape("model.shared.weight", 67, 0), {}, "it has no matrix embed_tokens.weight"),
    (_of_shape("model.encoder.embed_positions.weight", 2, 16), {}, "it has no positions"),
    (_of_shape("model.encoder.layers.0.fc1.weight", 10**10, 0), {}, "it has no matrix layers.0.fc"),
    (_of_shape("model.encoder.layers.9999.fc1.weight", 24, 16), {}, "1 unexpected"),
    (_fewer_words, {}, "pass both files of one mBART"),
    (_not_finite, {}, "numbers that are not finite"),
    (lambda state: state, {"heads": 3}, "16 channels do not divide among 3 heads"),
    (lambda state: state, {"heads": 0}, "16 channels do not divide among 0 heads"),
])  # fmt: skip
def test_weights_that_do_not_fit_are_one_sentence(files, tmp_path, change, overrides, message):
  tokens = MBartTokens(files / "sentencepiece.bpe.model", "de_DE", True)
  state = change(texts.checkpoint(texts.encoder(len(tokens))[1]))
  path = texts.write(tmp_path / "model.safetensors", state)
  with pytest.raises(UserError, match=message):
    open_text(config(files, weights=str(path), **overrides), SENTENCES, tmp_path)


@pytest.mark.parametrize(("overrides", "message"), [
    ({"encoder": "bert"}, "text.encoder='bert' is not one of tiny, mbart"),
    ({"lower_case": "true"}, "text.lower_case='true' is not one of auto, yes, no"),
    ({"weights": ""}, "pass them by --config.text.weights"),
    ({"weights": "/nowhere/model.safetensors"}, "there is no file"),
    ({"tiny.heads": 3}, "does not divide among"),
    ({"tiny.layers": 0}, "must be 1 or more"),
    ({"tiny.steps": -1}, "must not be negative"),
])  # fmt: skip
def test_wrong_settings_are_one_sentence(files, tmp_path, overrides, message):
  with pytest.raises(UserError, match=message):
    open_text(config(files, **overrides), SENTENCES, tmp_path)


def test_sentences_that_are_too_long_or_empty(files, tmp_path):
  with pytest.raises(UserError, match="tokens, and the text encoder reads 40 at most"):
    open_text(config(files), [("NORD",) * 40], tmp_path)
  for none in ([], [("NORD",), ()]):
    with pytest.raises(UserError, match="without glosses"):
      open_text(config(files), none, tmp_path)


def test_sentences_that_are_only_measured_are_read_by_the_same_encoder(tmp_path, monkeypatch):
  """What training reads stays as it is; what is longer than all that is left out."""
  own, more = texts.sentences(6), [("ORT1", "ZEIT0"), ("ORT1",) * 9, ()]
  alone = open_text(texts.config(), own, tmp_path / "a")
  both = open_text(texts.config(), own, tmp_path / "b", others=[*more, own[0]])
  assert (alone.digest, alone.length) == (both.digest, both.length)
  for name, rows in alone.rows(own).items():
    np.testing.assert_array_equal(both.rows(own)[name], rows)
  assert [sentence in both for sentence in (*more, own[0])] == [True, False, False, True]
  assert more[0] not in alone and both.rows(more[:1])["text_end"] == [2]
  monkeypatch.setattr(tiny_text.Tiny, "encoder", None)  # all is there
  again = open_text(texts.config(), own, tmp_path / "b", others=more)
  np.testing.assert_array_equal(again.rows(more[:1])["text"], both.rows(more[:1])["text"])
