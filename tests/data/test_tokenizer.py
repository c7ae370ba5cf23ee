"""CLIP's tokenizer against ids measured with the released code."""

import concurrent.futures
import importlib.util
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from sign_jax.data import tokenizer
from sign_jax.errors import UserError

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "clip_tokens.json"
CASES = json.loads(GOLDEN.read_text())


def test_equals_the_released_ids_of_every_golden_text():
  wrong = [c["text"] for c in CASES if tokenizer.tokenize(c["text"]).tolist() != c["ids"]]
  assert len(CASES) > 50
  assert not wrong


def test_encode_has_no_special_tokens():
  assert tokenizer.encode("Hi!") == [1883, 256]
  assert tokenizer.encode("   ") == []


@pytest.mark.parametrize("length", [2, 3, 8, 32, 77])
def test_every_length_holds_one_start_and_one_end(length):
  for text in ["", "one", "word " * 200]:
    ids = tokenizer.tokenize(text, length)
    end = int(np.argmax(ids))
    assert ids.shape == (length,) and ids.dtype == np.int32
    assert ids[0] == tokenizer.START and ids[end] == tokenizer.END
    assert not ids[end + 1 :].any()


def test_a_text_of_exactly_the_length_is_not_cut():
  words = "a b c d e f g h".split()
  whole = [tokenizer.START, *tokenizer.encode(" ".join(words)), tokenizer.END]
  assert tokenizer.tokenize(" ".join(words), len(words) + 2).tolist() == whole


def test_a_long_text_keeps_evenly_spaced_tokens_and_its_last():
  text = " ".join(f"{n % 10}" for n in range(40))
  ids = [tokenizer.START, *tokenizer.encode(text)]
  expected = [ids[0], *(ids[int(p)] for p in np.linspace(1, 40, 10)), tokenizer.END]
  assert tokenizer.tokenize(text, 12).tolist() == expected


def test_cleaning():
  assert tokenizer.clean(" A\tB \n &amp;amp;  C ") == "a b & c"


def test_threads_agree_with_one_thread():
  texts = [case["text"] for case in CASES]
  fresh = tokenizer.Tokenizer()
  with concurrent.futures.ThreadPoolExecutor(8) as pool:
    in_threads = list(pool.map(fresh.encode, texts * 4))
  assert in_threads == [tokenizer.encode(text) for text in texts] * 4


def test_neither_torch_nor_clip_is_imported():
  code = (
    "import sys; from sign_jax.data import tokenizer; tokenizer.tokenize('hello');"
    "assert not {'clip', 'torch', 'tensorflow', 'jax'} & set(sys.modules)"
  )
  subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_vocabulary_says_what_to_install(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  with pytest.raises(UserError, match="openai-clip"):
    tokenizer.Tokenizer()


def test_ids_are_decoded_to_a_text_with_these_ids():
  inputs = np.load(GOLDEN.parent / "e2e/phoenix14t_inputs.npz")
  for ids in inputs["ids"]:
    np.testing.assert_array_equal(tokenizer.tokenize(tokenizer.decode(ids)), ids)
  assert tokenizer.decode([49406, 320, 1929, 49407, 0]) == "a dog "


def test_texts_of_any_language_are_decoded():
  for text in ("grüße, 今年 🙂", "it's 3°"):
    assert tokenizer.encode(tokenizer.decode(tokenizer.encode(text))) == tokenizer.encode(text)
