"""From glosses to movement: one vector of articulator values per frame.

A vector holds, for the dominant and the other hand, wrist place (3), pointing direction (3), palm
direction (3) and handshape (11), then the head's pitch, yaw and roll in radians: 2 * 20 + 3.
"""

import numpy as np

from data_builders.signing_sim import exact, phonology

HAND = 20
SIZE = 2 * HAND + 3

_LEAD = 4  # frames of rest before and after
_CORE, _STROKE = 5.5, 1.0  # frames of a sign, and for every stroke after the first
_TRANSITION, _PER_LENGTH = 1.6, 1.2  # frames between signs, and per shoulder width of travel
_TURN = 0.25  # shoulder widths of travel that take as long as a direction's change by 1
_HEAD_ANGLE = 0.35


def _hand(place, orientation, handshape):
  return np.array([*place, *orientation[0], *orientation[1], *handshape], np.float64)


_RESTING = _hand(phonology.REST, phonology.HANGING, phonology.RELAXED)
RESTING = np.concatenate([_RESTING, _RESTING, np.zeros(3)])


def _path(form, phase):
  """(n, 2) displacement (out, up) at the phases (n,) of a sign in [0, 1]."""
  along = np.array(phonology.DIRECTIONS[form.direction], np.float64)
  across = np.array([-along[1], along[0]])
  sin, cos = exact.sincos(np.pi * form.strokes * phase)
  if form.path == "hold":
    a, b = np.zeros_like(phase), np.zeros_like(phase)
  elif form.path == "straight":
    a, b = -cos / 2, np.zeros_like(phase)
  elif form.path == "arc":
    a, b = -cos / 2, np.abs(sin) / 2
  elif form.path == "circle":
    turns = (form.strokes + 1) // 2
    sin, cos = exact.sincos(2 * np.pi * turns * phase)
    a, b = cos / 2, sin / 2
  else:  # zigzag
    a, b = -cos / 2, exact.sincos(5 * np.pi * phase)[0] / 3
  return form.amplitude * (a[:, None] * along + b[:, None] * across)


def _head(form, phase):
  """(n, 3) pitch, yaw, roll: once to and fro, or a tilt that comes and goes."""
  angles = np.zeros((len(phase), 3))
  if form.head in ("nod", "shake"):
    angles[:, ("nod", "shake").index(form.head)] = exact.sincos(2 * np.pi * phase)[0]
  elif form.head == "tilt":
    angles[:, 2] = exact.sincos(np.pi * phase)[0]
  return _HEAD_ANGLE * angles


def sign(form, frames):
  """A sign of an average signer without context, noise-free: `(frames, SIZE)` float64."""
  phase = (np.arange(frames) + 0.5) / frames
  path = np.zeros((frames, 3))
  path[:, :2] = _path(form, phase)
  main = _hand(phonology.LOCATIONS[form.location], phonology.ORIENTATIONS[form.orientation],
               phonology.HANDSHAPES[form.handshape])
  hands = np.tile(np.stack([main, _RESTING]), (frames, 1, 1))
  hands[:, 0, :3] += path
  if form.hands == "both":
    hands[:, 1] = hands[:, 0]
  elif form.hands == "alternating":
    hands[:, 1] = main
    hands[:, 1, :3] -= path
  elif form.hands == "base":
    hands[:, 1] = _hand(phonology.BASE, phonology.ORIENTATIONS["ahead_up"],
                        phonology.HANDSHAPES["flat"])
  return np.concatenate([hands.reshape(frames, 2 * HAND), _head(form, phase)], 1)


def _frames(form, signer, random):
  length = _CORE + _STROKE * (form.strokes - 1)
  return max(4, int(length * random.uniform(0.9, 1.15) / signer.speed + 0.5))


def _travel(change):
  """Shoulder widths that the busier hand goes, its turns included; `change` (SIZE,)."""
  def hand(k):
    place, point, palm = (exact.norm(change[k + j:k + j + 3])[0] for j in (0, 3, 6))
    return place + _TURN * (point + palm)
  return max(hand(0), hand(HAND))


def _transition(start, end, signer):
  """Frames between two vectors on minimum-jerk paths, ends excluded."""
  n = max(1, int((_TRANSITION + _PER_LENGTH * _travel(end - start)) / signer.speed + 0.5))
  t = ((np.arange(n) + 1) / (n + 1))[:, None]
  blend = t * t * t * (10 - 15 * t + 6 * t * t)
  return start + blend * (end - start)


def _blur(track):
  """[1 2 1] / 4 over time: neighbouring signs colour each other, and so do their edges."""
  padded = np.concatenate([track[:1], track, track[-1:]])
  return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4


def utterance(forms, signer, random):
  """Signs in a row.

  Args:
    forms: the `phonology.Form` of each sign.
    signer: a `signers.Signer`; its speed decides durations.
    random: `rng.Random`, for the variation of durations.

  Returns:
    `(F, SIZE)` float64, and spans `(len(forms), 2)` int32: first and last frame of each sign.
  """
  rest = np.tile(RESTING, (_LEAD, 1))
  parts, spans, length = [rest], [], _LEAD
  for form in forms:
    core = sign(form, _frames(form, signer, random))
    between = _transition(parts[-1][-1], core[0], signer)
    parts += [between, core]
    length += len(between) + len(core)
    spans.append((length - len(core), length - 1))
  parts += [_transition(parts[-1][-1], RESTING, signer), rest]
  return _blur(np.concatenate(parts)), np.array(spans, np.int32).reshape(-1, 2)
