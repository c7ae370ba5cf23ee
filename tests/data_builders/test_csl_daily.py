"""`csl_daily`: the release's pickle and lists, CiCo's pickles, in the release's layout."""

import numpy as np
import pytest

from data_builders import build
from data_builders.corpus.findings import Findings
from data_builders.csl_daily import annotations
from sign_jax.errors import UserError
from tests.data_builders import trees


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
  root = tmp_path_factory.mktemp("csl")
  trees.csl_daily(root, with_videos=True)
  return root


def examples(root, config, split):
  builder, _ = build.prepare("csl_daily", config, root / "tfds", root)
  return {example["video_id"].decode(): example for example in builder.as_data_source(split)}


def write_info(root, change):
  """Writes the release's pickle anew, each entry changed by `change`."""
  names = [name for split in trees.SPLITS for name in trees.csl_names(split)]
  entries = [change(trees.csl_info(name)) for name in names]
  trees.dump(root / annotations.INFO, {"info": entries})


@pytest.mark.parametrize("protocol", ["", "_official"])
def test_examples_are_what_the_release_says(tree, protocol):
  for split in trees.SPLITS:
    found = examples(tree, f"features{protocol}", split)
    assert set(found) == set(trees.csl_names(split))
    for name, example in found.items():
      index = int(name[1:7])
      chinese, english = trees.csl_text(name), "" if protocol else trees.sentence(index)
      expected = {
        "video_id": name, "sentence_id": name[:7], "text": english or chinese,
        "sentence": chinese, "translation": english, "language": "zh", "signer": name[8:13],
        "glosses": f"他 今年 {index}", "num_frames": trees.num_frames(name), "fps": 30,
        "agnostic": trees.feature(name).astype(np.float16),
      }  # fmt: skip
      assert set(example) == set(expected)
      for field, value in expected.items():
        value = value.encode() if isinstance(value, str) else value
        np.testing.assert_array_equal(example[field], value, err_msg=field)


def test_a_sentence_has_several_videos(tree):
  for protocol in annotations.PROTOCOLS:
    members = annotations.read(tree, protocol)["train"]
    assert len(members) == 6 and len({clip.sentence_id for clip in members}) == 3


@pytest.mark.parametrize("lost", ["label_char", "label_word", "label_postag", "signer", "length"])
def test_optional_keys_may_be_absent(tmp_path, lost):
  trees.csl_daily(tmp_path)
  write_info(tmp_path, lambda entry: {key: entry[key] for key in entry if key != lost})
  for clip in annotations.read(tmp_path, "official")["test"]:
    assert clip.sentence == trees.csl_text(clip.video_id)
    assert clip.num_frames == trees.num_frames(clip.video_id)  # video_map.txt says it too
    assert clip.signer == clip.video_id[8:13]


@pytest.mark.parametrize(
  ("lost", "words"),
  [
    (("name",), "an entry of 'info' has no 'name'"),
    (("label_char", "label_word"), "neither 'label_char' nor 'label_word'"),
  ],
)
def test_required_keys_are_named(tmp_path, lost, words):
  trees.csl_daily(tmp_path)
  write_info(tmp_path, lambda entry: {key: entry[key] for key in entry if key not in lost})
  with pytest.raises(UserError, match=words) as error:
    annotations.read(tmp_path, "official")
  assert "csl2020ct_v2.pkl" in str(error.value)


@pytest.mark.parametrize("listed", [0, 1])
@pytest.mark.parametrize("annotated", [0, 1])
def test_both_forms_of_the_known_variant_are_read(tmp_path, listed, annotated):
  trees.csl_daily(tmp_path)
  listed, annotated = annotations.VARIANT[listed], annotations.VARIANT[annotated]
  names = [name for split in trees.SPLITS for name in trees.csl_names(split)]
  trees.dump(
    tmp_path / annotations.INFO, {"info": [trees.csl_info(name) for name in [*names, annotated]]}
  )
  with (tmp_path / annotations.SPLIT_FILE).open("a") as file:
    file.write(f"{listed}|train\n")
  findings = Findings()
  train = annotations.read(tmp_path, "official", findings)["train"]
  assert train[-1].video_id == annotated and findings.entries["train"] == 7
  assert len(findings.notes) == (listed != annotated)
  assert all(f"{annotated} is read" in note for note in findings.notes)


def test_annotations_without_a_split_are_counted(tmp_path):
  trees.csl_daily(tmp_path)
  path = tmp_path / annotations.SPLIT_FILE
  path.write_text(path.read_text().replace(f"{trees.csl_names('test')[0]}|test\n", ""))
  findings = Findings()
  assert len(annotations.read(tmp_path, "official", findings)["test"]) == 5
  assert "no split for 1 videos" in findings.notes[0]


@pytest.mark.parametrize("folder", annotations.FRAMES)
def test_frames_lie_in_either_folder(tmp_path, folder):
  trees.csl_daily(tmp_path)
  for split in trees.SPLITS:
    for name in trees.csl_names(split):
      trees.csl_frames(tmp_path, name, 4, folder)
  for config in ("video", "video_official"):
    for name, example in examples(tmp_path, config, "test").items():
      assert example["video"].decode() == f"{folder}/{name}"
      assert (example["start_frame"], example["end_frame"]) == (0, 4)
