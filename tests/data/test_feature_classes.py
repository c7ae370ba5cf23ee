"""`features.json` and `dataset_info.json` choose what is read, never what is run or where."""

import ast
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds

from sign_jax.data import description, feature_classes, records
from sign_jax.errors import UserError
from tests.data import tiny

_CORE = "tensorflow_datasets.core"
_TENSOR = f"{_CORE}.features.tensor_feature.Tensor"
_OWN = "tiny.evil"  # a module in the data set's own folder, importable from the folder above
# Imported by nobody else, so that its being there shows that the data set imported it.
_INSTALLED = "this"
_NO_FEATURES = (
  f"{_CORE}.features.audio_feature.Audio",  # makes TFDS import TensorFlow
  f"{_CORE}.features.video_feature.Video",  # as well
  f"{_CORE}.features.feature.FeatureConnector",
  f"{_CORE}.features.top_level_feature.TopLevelFeature",
  f"{_CORE}.features.tensor_feature.Encoding",
  f"{_CORE}.features.feature.make_config_path",
  f"{_CORE}.dataset_builder.DatasetBuilder",
  f"{_CORE}.features.features_dict.collections.OrderedDict",
  "tensorflow_datasets.image_classification.mnist.MNIST",
  "tensorflow_datasets.testing.test_utils.DummyDataset",
)
_FOREIGN = (f"{_OWN}.Tensor", f"{_INSTALLED}.Tensor", "antigravity.X", "evil", *_NO_FEATURES)


def tensor(name=_TENSOR, **more):
  return {
    "pythonClassName": name,
    "tensor": {"dtype": "float16", "encoding": "bytes", "shape": {"dimensions": ["-1", "6"]}},
    **more,
  }


def of_dict(features):
  return {
    "pythonClassName": f"{_CORE}.features.features_dict.FeaturesDict",
    "featuresDict": {"features": features},
  }


def old(name, content, **more):
  return {"type": name, "content": content, **more}


def old_dict(features):
  return old(f"{_CORE}.features.features_dict.FeaturesDict", features)


def spellings(name):
  """All the places in which TFDS takes the name of a class from."""
  shape = {"shape": [None, 6], "dtype": "float16"}
  sequence = f"{_CORE}.features.sequence_feature.Sequence"
  nested = f"{_CORE}.features.dataset_feature.Dataset"
  snake = {"python_class_name": name, **tensor()}
  snake.pop("pythonClassName")
  return {
    "top": {**of_dict({}), "pythonClassName": name},
    "in a dict": of_dict({"agnostic": tensor(name)}),
    "other case": of_dict({"agnostic": snake}),
    "in a dict in a dict": of_dict({"a": of_dict({"b": tensor(name)})}),
    "in a sequence": of_dict(
      {"a": {"pythonClassName": sequence, "sequence": {"feature": tensor(name), "length": "-1"}}}
    ),
    "in a data set": of_dict(
      {"a": {"pythonClassName": nested, "sequence": {"feature": tensor(name), "length": "-1"}}}
    ),
    "in JSON in JSON": of_dict({
      "a": {
        "pythonClassName": sequence,
        "jsonFeature": {"json": json.dumps({"feature": old(name, shape), "length": None})},
      }
    }),
    "with JSON": of_dict({"a": {"pythonClassName": name, "jsonFeature": {"json": "{}"}}}),
    "old top": old(name, {}),
    "old": old_dict({"a": old(name, shape)}),
    "old in a sequence": old_dict(
      {"a": old(sequence, {"feature": old(name, shape), "length": None})}
    ),
    "old with new": old_dict({"a": tensor(name)}),
    "old with a message": old_dict(
      {"a": old(name, tensor()["tensor"], proto_cls="tensorflow_datasets.TensorFeature")}
    ),
    "old with a message of features": old(
      f"{_CORE}.features.features_dict.FeaturesDict",
      json.dumps({"features": {"a": tensor(name)}}),
      proto_cls="tensorflow_datasets.FeaturesDict",
    ),
  }


@pytest.fixture(scope="module")
def built(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tfds")
  tiny.build(folder, {"train": tiny.clips(4, 4)})
  records.open_split("tiny", "train", folder)  # so that whatever this imports is imported
  return folder


@pytest.fixture
def data_dir(built, tmp_path, monkeypatch):
  """A copy with a module beside its records, which is found from here."""
  folder = shutil.copytree(built, tmp_path / "data")
  (folder / "tiny" / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
  monkeypatch.syspath_prepend(str(folder))
  monkeypatch.chdir(folder)
  yield folder
  assert not (tmp_path / "ran").exists()
  assert not {_OWN, _INSTALLED, "antigravity", "evil"} & set(sys.modules)


def rewrite(data_dir, file, **changes):
  path = data_dir / "tiny/1.0.0" / file
  path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("name", _FOREIGN)
@pytest.mark.parametrize("spelling", spellings(""))
def test_no_other_class_is_made_and_nothing_imported(data_dir, name, spelling):
  before = set(sys.modules)
  features = data_dir / "tiny/1.0.0/features.json"
  features.write_text(json.dumps(spellings(name)[spelling]))
  for door in (records.open_split, lambda name, _, folder: records.fingerprint(name, folder)):
    with pytest.raises(UserError) as caught:
      door("tiny", "train", data_dir)
    told = str(caught.value)
    assert told.startswith(str(features)) and repr(name) in told and "\n" not in told
  assert set(sys.modules) == before


@pytest.mark.parametrize("name", [f"{_OWN}.Tensor", f"{_INSTALLED}.Tensor", *_NO_FEATURES[:3]])
def test_features_in_the_other_file(data_dir, name):
  rewrite(data_dir, "dataset_info.json", features=of_dict({"agnostic": tensor(name)}))
  with pytest.raises(UserError, match=r"dataset_info\.json names the class"):
    records.open_split("tiny", "train", data_dir)


def test_the_builders_module_is_not_imported(data_dir):
  rewrite(data_dir, "dataset_info.json", moduleName=_OWN)
  assert len(records.open_split("tiny", "train", data_dir)) == 4


def test_the_program_says_so_in_one_sentence(data_dir):
  features = data_dir / "tiny/1.0.0/features.json"
  features.write_text(features.read_text().replace(_TENSOR, f"{_OWN}.Tensor"))
  root = pathlib.Path(__file__).parents[2]
  done = subprocess.run(
    [sys.executable, "-m", "sign_jax.main", f"--config={root / 'configs/upret.py'}",
     "--config.data.name=tiny", f"--config.data.data_dir={data_dir}", "--workdir=run"],
    capture_output=True, text=True, check=False, cwd=data_dir,
    env={**os.environ, "PYTHONPATH": str(root)},
  )  # fmt: skip
  assert done.returncode == 1
  assert done.stderr.strip().splitlines()[-1].startswith(f"error: {features} names the class")
  assert "Traceback" not in done.stderr


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3b11", "evil", "object", "O", "i4,f8"])
@pytest.mark.parametrize("make", [
  lambda dtype: of_dict({"a": {**tensor(), "tensor": {"dtype": dtype}}}),
  lambda dtype: old_dict({"a": old(_TENSOR, {"shape": [], "dtype": dtype})}),
])  # fmt: skip
def test_types_for_which_tfds_would_import_tensorflow(data_dir, dtype, make):
  (data_dir / "tiny/1.0.0/features.json").write_text(json.dumps(make(dtype)))
  with pytest.raises(UserError, match=f"names the type '{dtype}', which is not read"):
    records.open_split("tiny", "train", data_dir)
  assert "tensorflow" not in sys.modules


def test_an_old_label_may_not_name_a_file(data_dir):
  label = f"{_CORE}.features.class_label_feature.ClassLabel"
  for content in ({"names_file": "/etc/hostname"}, {"names": ["a"], "names_file": None}):
    (data_dir / "tiny/1.0.0/features.json").write_text(
      json.dumps(old_dict({"a": old(label, content)}))
    )
    with pytest.raises(UserError, match="describes a ClassLabel by .*in an old spelling"):
      records.open_split("tiny", "train", data_dir)


@pytest.mark.parametrize("template", [
  "../{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}", "/etc/hostname", "gs://bucket/x",
  "{SPLIT.__class__}", "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_INDEX}", "x" * 9999,
])  # fmt: skip
def test_records_elsewhere_are_refused(data_dir, template):
  info = json.loads((data_dir / "tiny/1.0.0/dataset_info.json").read_text())
  split = {**info["splits"][0], "filepathTemplate": template}
  rewrite(data_dir, "dataset_info.json", splits=[split])
  with pytest.raises(UserError, match="under names of its own") as caught:
    records.open_split("tiny", "train", data_dir)
  assert len(str(caught.value)) < 600


@pytest.mark.parametrize("key", ["version", "configName"])
def test_labels_that_a_terminal_would_obey_are_refused(data_dir, key):
  rewrite(data_dir, "dataset_info.json", **{key: "1.0.0\x1b[2J"})
  with pytest.raises(UserError, match="calls the data set .*, which is no name"):
    records.open_split("tiny", "train", data_dir)


@pytest.mark.parametrize("name", ["../tiny", "/etc/hostname", "", "a b", "gs://x", "tiny/../tiny"])
def test_names_that_lead_elsewhere(data_dir, name):
  info = json.loads((data_dir / "tiny/1.0.0/dataset_info.json").read_text())
  rewrite(data_dir, "dataset_info.json", name=name)
  with pytest.raises(UserError, match="calls the data set .*, which is no name"):
    records.open_split("tiny", "train", data_dir)
  splits = [{**info["splits"][0], "name": name}]
  rewrite(data_dir, "dataset_info.json", name="tiny", splits=splits)
  with pytest.raises(UserError, match="calls a split .*, which is no name"):
    records.open_split("tiny", "train", data_dir)


@pytest.mark.parametrize("lengths", [["5"], ["3"], [10**18], ["-4"], ["2", "2"], ["x"], [[4]]])
def test_numbers_of_records_that_are_not_those_of_the_files(data_dir, lengths):
  info = json.loads((data_dir / "tiny/1.0.0/dataset_info.json").read_text())
  rewrite(data_dir, "dataset_info.json", splits=[{**info["splits"][0], "shardLengths": lengths}])
  with pytest.raises(UserError, match="is damaged|lacks its file"):
    records.open_split("tiny", "train", data_dir)


@pytest.mark.parametrize("content", [
  "[" * 100_000, '{"type": ' * 1000, "[" + "[]," * 600_000 + "[]]", "null", "3", '"x"', "[]",
  '{"type": [], "content": {}}', json.dumps({"type": _TENSOR}),
  json.dumps({"pythonClassName": _TENSOR}),
  json.dumps(tensor()), json.dumps(of_dict({"a": {}})), json.dumps({**of_dict({}), "type": None}),
  " " * (3 << 20),
])  # fmt: skip
@pytest.mark.parametrize("name", ["features.json", "dataset_info.json"])
def test_damaged_and_vast_descriptions(data_dir, name, content):
  (data_dir / "tiny/1.0.0" / name).write_text(content)
  with pytest.raises(UserError, match="is damaged|is not read|is none of"):
    records.open_split("tiny", "train", data_dir)


def test_features_in_features_without_end(data_dir):
  inner, inner_old = tensor(), old(_TENSOR, {"shape": [], "dtype": "float16"})
  for _ in range(21):
    inner, inner_old = of_dict({"a": inner}), old_dict({"a": inner_old})
  for content in (inner, inner_old):
    (data_dir / "tiny/1.0.0/features.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="is damaged"):
      records.open_split("tiny", "train", data_dir)


_ALL = tfds.features.FeaturesDict({
  "box": tfds.features.BBoxFeature(),
  "episode": tfds.features.Dataset({"step": tfds.features.Scalar(np.int32)}),
  "image": tfds.features.Image(shape=(None, None, 3)),
  "label": tfds.features.ClassLabel(num_classes=3),
  "labels": tfds.features.Sequence(tfds.features.ClassLabel(num_classes=3), length=2),
  "mask": tfds.features.LabeledImage(shape=(None, None, 1), labels=3),
  "nested": {"text": tfds.features.Text()},
  "number": tfds.features.Scalar(np.float32),
  "rows": tfds.features.Tensor(shape=(None, 3), dtype=np.float16, encoding="zlib"),
  "said": tfds.features.Translation(languages=["de", "en"]),
  "some": tfds.features.TranslationVariableLanguages(languages=["de", "en"]),
})


def test_all_of_tfds_own_features_are_read_as_tfds_reads_them(tmp_path):
  _ALL.save_config(str(tmp_path))
  content = json.loads((tmp_path / "features.json").read_text())
  for spelling in (content, _ALL.to_json()):  # of today, and of TFDS 4.0 and later with messages
    assert repr(feature_classes.from_json(spelling)) == repr(_ALL)


def test_the_spelling_of_the_first_versions():
  plain = {"shape": [None, 3], "dtype": "float16"}
  content = old_dict({
    "rows": old(f"{_CORE}.features.feature.Tensor", plain),
    "moved": old(_TENSOR, plain),
    "text": old(f"{_CORE}.features.text_feature.Text", {}),
    "label": old(f"{_CORE}.features.class_label_feature.ClassLabel", {"num_classes": 3}),
    "image": old(
      f"{_CORE}.features.image_feature.Image",
      {"shape": [None, None, 3], "dtype": "uint8", "encoding_format": "png"},
    ),
    "many": old(
      f"{_CORE}.features.sequence_feature.Sequence",
      {"feature": old(_TENSOR, plain), "length": None},
    ),
  })
  features = feature_classes.from_json(json.loads(json.dumps(content)))
  assert repr(features) == repr(tfds.features.FeatureConnector.from_json(content))


def test_a_packed_feature_unpacks_to_what_its_size_warrants(tmp_path, monkeypatch):
  rows = tfds.features.Tensor(shape=(None, 8), dtype=np.float16, encoding="zlib")
  value = np.arange(80, dtype=np.float16).reshape(10, 8)
  decode = records._raw_decoder(rows)
  np.testing.assert_array_equal(decode(rows.encode_example(value)), value)
  vast = rows.encode_example(np.zeros((1 << 23, 8), np.float16))
  with pytest.raises(ValueError, match="unpacks to far more"):
    decode(vast)
  with pytest.raises(ValueError, match="cut short"):
    decode(vast[:50])


def test_no_module_of_ours_lets_tfds_read_a_description():
  """The functions of TFDS that import what a data set names."""
  doors = {"builder_from_directory", "builder_from_directories", "builder_from_files",
           "builder_from_metadata", "read_full_proto_from_builder_dir"}  # fmt: skip
  root = pathlib.Path(__file__).parents[2]
  for path in [path for room in ("sign_jax", "data_builders", "launch")
               for path in (root / room).rglob("*.py")]:  # fmt: skip
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls}
    assert not names & doors, path
    tfds_calls = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)
                  and getattr(call.func.value, "id", "") == "tfds"}  # fmt: skip
    assert not tfds_calls & {"load", "builder", "data_source"}, path


def test_the_description_says_where_the_records_lie(data_dir):
  known = description.read(data_dir / "tiny/1.0.0")
  (path,) = known.shards()
  assert path.parent == data_dir / "tiny/1.0.0" and known.shards() == {path: 4}
  assert known.label == "tiny:1.0.0"
