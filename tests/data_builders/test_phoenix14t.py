"""`phoenix14t`: the release's tables, CiCo's pickles and pictures, in the release's layout."""

import numpy as np
import pytest

from data_builders import build
from data_builders.corpus.findings import Findings
from data_builders.phoenix14t import annotations
from tests.data_builders import trees


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
  root = tmp_path_factory.mktemp("phoenix")
  trees.phoenix14t(root, with_videos=True)
  return root


def examples(root, config, split):
  builder, _ = build.prepare("phoenix14t", config, root / "tfds", root)
  return {example["video_id"].decode(): example for example in builder.as_data_source(split)}


@pytest.mark.parametrize("protocol", ["", "_official"])
def test_examples_are_what_the_release_says(tree, protocol):
  for split in trees.SPLITS:
    found = examples(tree, f"features{protocol}", split)
    names = trees.phoenix_names(split)
    assert set(found) == set(names)
    for index, name in enumerate(names):
      *_, signer, glosses, german = trees.phoenix_row(split, index, name).split("|")
      english = "" if protocol else trees.sentence(index % 2)
      expected = {
        "video_id": name, "sentence_id": name, "text": english or german, "sentence": german,
        "translation": english, "language": "de", "signer": signer, "glosses": glosses,
        "num_frames": trees.num_frames(name), "fps": 25,
        "agnostic": trees.feature(name).astype(np.float16),
      }  # fmt: skip
      assert set(found[name]) == set(expected)
      for field, value in expected.items():
        value = value.encode() if isinstance(value, str) else value
        np.testing.assert_array_equal(found[name][field], value, err_msg=field)


def test_quotation_marks_are_characters(tree):
  first = annotations.read(tree, "official")["test"][0]
  assert first.sentence == '"heute "oh no, rain falls in the und 3 grad in köln test'


def test_the_released_dev_pickle_loses_what_train_holds_and_it_says_so(tree, capsys):
  findings = Findings()
  splits = annotations.read(tree, "cico", findings)
  assert [clip.video_id for clip in splits["validation"]] == trees.phoenix_names("validation")
  assert findings.entries == {"train": 5, "validation": 5, "test": 5}
  (note,) = findings.notes
  assert "dev.pkl lists 10 videos of which 5 are in train.pkl: the other 5 are" in note
  build.prepare("phoenix14t", None, tree / "again", tree)
  assert note in capsys.readouterr().err


def test_without_the_tables_cicos_pickles_have_no_glosses(tmp_path):
  trees.phoenix14t(tmp_path)
  for path in (tmp_path / "annotations/manual").iterdir():
    path.unlink()
  for clip in annotations.read(tmp_path, "cico")["test"]:
    assert (clip.glosses, clip.signer) == ("", "") and clip.translation and clip.num_frames


def test_videos_are_folders_of_pictures_and_the_stray_file_is_none(tree):
  assert list((tree / "features/fullFrame-210x260px/train").glob("*.lprof"))
  for config in ("video", "video_official"):
    for split, folder in trees.SPLITS.items():
      for name, example in examples(tree, config, split).items():
        assert example["video"].decode() == f"features/fullFrame-210x260px/{folder}/{name}"
        assert (example["start_frame"], example["end_frame"]) == (0, 3)


def test_sentences_that_repeat_have_ids_of_their_own(tree):
  found = examples(tree, "features", "test").values()
  assert len({example["sentence_id"] for example in found}) == 5
  assert len({example["text"] for example in found}) == 2
