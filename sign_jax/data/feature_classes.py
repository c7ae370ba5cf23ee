"""`features.json` of a TFDS data set, read without importing what it names.

TFDS imports the module of any class that the file names, be it one that lies beside the data. Here
a class is looked up among TFDS's own features and nowhere else, so that a file can choose what is
made but not what is run. What it may say of them is limited too: some features open a file whose
path they are given, and unknown types, as well as `Audio` and `Video`, make TFDS import TensorFlow.
"""

from google.protobuf import json_format
from tensorflow_datasets.core import features as tfds_features
from tensorflow_datasets.core.proto import feature_pb2

from sign_jax.errors import UserError, shown
from sign_jax.untrusted import budget

_MAX_NESTING = 20  # of features in features
_LONGEST = 120  # characters of a class's name in a message

_NUMBERS = tuple(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))
_TYPES = {"", "bool", "string", "float16", "float32", "float64", *_NUMBERS}

_CLASSES = (
  tfds_features.BBoxFeature,
  tfds_features.ClassLabel,
  tfds_features.Dataset,
  tfds_features.FeaturesDict,
  tfds_features.Image,
  tfds_features.LabeledImage,
  tfds_features.Scalar,
  tfds_features.Sequence,
  tfds_features.Tensor,
  tfds_features.Text,
  tfds_features.Translation,
  tfds_features.TranslationVariableLanguages,
)
# By the names that TFDS writes, and has written before it moved a class.
_BY_NAME = {
  name: known
  for known in _CLASSES
  for name in (f"{known.__module__}.{known.__name__}", *vars(known).get("ALIASES", ()))
}
# Those whose content, in the spelling of TFDS 4.0, can hold numbers and names of types only.
_PLAIN = (tfds_features.Image, tfds_features.Tensor, tfds_features.Text)


def from_json(value):
  """The features that the content of a `features.json` describes.

  Args:
    value: parsed JSON, in the spelling of today's TFDS (`pythonClassName`) or of TFDS 4.0 (`type`).

  Returns:
    `tfds.features.FeaturesDict`. Labels' names, which lie in other files, are not read.

  Raises:
    UserError: a class that is none of TFDS's features, or one with a content that is not read; the
      text names it, and expects the file's name in front.
    Exception: of many kinds, where it is damaged.
  """
  features = _from_json(value, 0)
  if not isinstance(features, tfds_features.FeaturesDict):
    raise ValueError("it describes no features by name")
  return features


def _from_json(value, depth):
  _check_depth(depth)
  if not isinstance(value, dict):
    raise ValueError("a feature is no object")
  if "type" not in value:
    # Parsing alone imports nothing; both `pythonClassName` and `python_class_name` are read.
    return _from_proto(json_format.ParseDict(value, feature_pb2.Feature()), depth)
  known, content = _class(value["type"]), value["content"]
  if not (name := value.get("proto_cls")):
    return _from_old_content(known, content, depth)
  if isinstance(content, str):
    content = budget.parse_json(content.encode())
  fields = feature_pb2.Feature.DESCRIPTOR.oneofs_by_name["content"].fields
  field = next(field for field in fields if field.message_type.full_name == name)
  proto = feature_pb2.Feature(python_class_name=value["type"])
  return _from_proto(json_format.ParseDict({field.name: content}, proto), depth)


def _from_proto(proto, depth):
  _check_depth(depth)
  known, field = _class(proto.python_class_name), proto.WhichOneof("content")
  content = getattr(proto, field)
  if field == "json_feature":
    return _from_old_content(known, budget.parse_json(content.json.encode()), depth)
  if known is tfds_features.FeaturesDict:
    return known({name: _from_proto(x, depth + 1) for name, x in content.features.items()})
  if known in (tfds_features.Sequence, tfds_features.Dataset):
    length = None if content.length == -1 else content.length
    return known(_from_proto(content.feature, depth + 1), length=length)
  _check_type(getattr(content, "dtype", ""))
  return known.from_json_content(content)


def _from_old_content(known, content, depth):
  """A feature whose content is JSON and no message."""
  if known is tfds_features.FeaturesDict:
    return known({name: _from_json(x, depth + 1) for name, x in content.items()})
  if known in (tfds_features.Sequence, tfds_features.Dataset):
    return known(_from_json(content["feature"], depth + 1), length=content.get("length"))
  if known is tfds_features.ClassLabel and set(content) == {"num_classes"}:
    return known(num_classes=content["num_classes"])
  if known not in _PLAIN:
    raise UserError(
      f"describes a {known.__name__} by {shown(sorted(content))} in an old spelling, which is "
      "not read: build it anew with a newer TFDS"
    )
  _check_type(content.get("dtype", ""))
  return known.from_json_content(content)


def _class(name):
  if not name or not isinstance(name, str):
    raise ValueError("a feature names no class")
  if name not in _BY_NAME:
    raise UserError(
      f"names the class {shown(name, _LONGEST)}, which is none of the features of TFDS that are "
      "read, so its code is not run: use a data set without it, or build this one anew"
    )
  return _BY_NAME[name]


def _check_type(name):
  if name not in _TYPES:
    known = ", ".join(sorted(_TYPES - {""}))
    raise UserError(f"names the type {shown(name)}, which is not read: use one of {known}")


def _check_depth(depth):
  if depth > _MAX_NESTING:
    raise ValueError(f"features are nested more than {_MAX_NESTING} times")
