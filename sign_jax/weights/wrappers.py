"""What training scripts and wrappers put around a state dict, and how it is taken off."""

import re

from sign_jax.untrusted.pickle_machine import Placeholder

# Keys under which the weights lie, the likeliest first.
KEYS = (
  "state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights",
  "ema_state_dict", "state_dict_ema", "model_ema", "ema",
)  # fmt: skip
MAX_LEVELS = 4  # a file that contains itself must not hang us
# Of DataParallel, Lightning and `torch.compile`, in front of a name and in any order; the others,
# which no model uses as its own names, anywhere in it. Each name is looked at by itself: Lightning
# saves losses and heads of its own beside what it calls "model.".
_FRONT = re.compile(r"(?:(?:module|model|_orig_mod)\.)+")
_ANYWHERE = re.compile(
  r"(?<![^.])(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module|_forward_module)\."
)
AVERAGES = "n_averaged"  # how many models `torch.optim.swa_utils.AveragedModel` is the mean of


def inner(content):
  """The state dict within what a training script saved.

  Args:
    content: anything.

  Returns:
    (the innermost value that lies under some of `KEYS`, [those keys]).
  """
  keys = []
  while isinstance(content, dict) and len(keys) < MAX_LEVELS:
    # Beside the weights, a key may hold the model's name; an object there may be a whole model.
    key = next((key for kind in (dict, Placeholder) for key in KEYS
                if isinstance(content.get(key), kind)), None)  # fmt: skip
    if key is None:
      break
    keys.append(key)
    content = content[key]
  return content, keys


def without_prefixes(state):
  """Takes the names of wrappers off the names of a state dict.

  Args:
    state: {name: array}.

  Returns:
    ({name: array}, sorted list of what was taken off, such as "module."); None in place of the dict
    where two entries then have one name.
  """
  stripped, removed = {}, set()
  for name, value in state.items():
    removed.update(_ANYWHERE.findall(name))
    short = _ANYWHERE.sub("", name)
    if front := _FRONT.match(short):
      removed.update(part + "." for part in front.group().split(".")[:-1])
      short = short[front.end() :]
    stripped[short] = value
  is_unambiguous = len(stripped) == len(state)
  if removed:
    stripped.pop(AVERAGES, None)
  return stripped if is_unambiguous else None, sorted(removed)
