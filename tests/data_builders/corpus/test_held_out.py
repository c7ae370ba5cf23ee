"""A validation split that is held out of train."""

import random

import pytest

from data_builders.corpus import held_out
from data_builders.corpus.clips import Clip
from data_builders.corpus.findings import Findings
from data_builders.csl_daily import annotations as csl_daily
from data_builders.how2sign import annotations as how2sign
from sign_jax.data.tokenizer import clean
from sign_jax.errors import UserError
from tests.data_builders import trees


def clips(sentences=1000, videos=3):
  """Every sentence by several signers; every tenth text is another sentence's too."""
  return [
    Clip(f"v{i}_{k}", f"s{i}", f"Sentence  number {i - (i % 10 == 9)}")
    for i in range(sentences)
    for k in range(1 + i % videos)
  ]


def test_all_videos_and_all_sentences_of_a_text_stay_together():
  train, validation = held_out.divide(clips(), 0.1)
  assert sorted(train + validation) == sorted(clips())
  texts = [{clean(clip.text) for clip in part} for part in (train, validation)]
  assert not texts[0] & texts[1]
  assert not {x.sentence_id for x in train} & {x.sentence_id for x in validation}
  assert 0.08 < len(validation) / len(clips()) < 0.12


def test_neither_order_nor_other_clips_nor_spelling_matter():
  _, validation = held_out.divide(clips(), 0.1)
  shuffled = random.Random(0).sample(clips(), len(clips()))
  assert sorted(held_out.divide(shuffled, 0.1)[1]) == sorted(validation)
  assert validation == [clip for clip in clips() if clip in validation]  # in their order
  part = clips()[:900]
  assert held_out.divide(part, 0.1)[1] == [clip for clip in part if clip in validation]
  spelt = [clip._replace(sentence=f" {clip.sentence.upper()}") for clip in clips()]
  assert [x.video_id for x in held_out.divide(spelt, 0.1)[1]] == [x.video_id for x in validation]


def test_there_is_always_one_and_never_all():
  _, validation = held_out.divide(clips(2, 1), 1e-9)
  assert len(validation) == 1
  with pytest.raises(UserError, match="show one sentence"):
    held_out.divide([Clip("a", "1", "Rain"), Clip("b", "2", "rain ")], 0.1)


@pytest.mark.parametrize("corpus", [how2sign, csl_daily])
def test_the_share_gives_about_the_published_size(corpus):
  published = {how2sign: (31164, 1740), csl_daily: (18401, 1077)}[corpus]
  many = [Clip(f"v{i}", f"s{i}", f"text {i}") for i in range(published[0])]
  _, validation = held_out.divide(many, corpus.VALIDATION_SHARE)
  assert abs(len(validation) - published[1]) < 0.1 * published[1]


@pytest.mark.parametrize("protocol", ["cico", "seds"])
def test_the_train_split_is_the_same_whichever_splits_are_read(tmp_path, protocol):
  names = trees.how2sign(tmp_path, 12)
  (tmp_path / protocol / "dev.pkl").unlink()
  findings = Findings()
  whole = how2sign.read(tmp_path, protocol, findings)
  assert findings.origins == {"validation": held_out.ORIGIN}
  assert sum(findings.entries[split] for split in ("train", "validation")) == len(names["train"])
  for wanted in (("train",), ("validation",), ("train", "test"), ("test",)):
    findings = Findings()
    found = how2sign.read(tmp_path, protocol, findings, wanted)
    assert found == {split: whole[split] for split in wanted}
    assert findings.entries == {split: len(whole[split]) for split in wanted}
    assert bool(findings.origins) == ("validation" in wanted)


def test_a_released_validation_split_stays_as_it_is(tmp_path):
  names = trees.how2sign(tmp_path)
  findings = Findings()
  splits = how2sign.read(tmp_path, findings=findings)
  assert {split: len(clips) for split, clips in splits.items()} == dict.fromkeys(names, 8)
  assert not findings.origins and not findings.notes
