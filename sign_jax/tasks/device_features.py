"""Videos that stay in the devices' memory, and the batches that are gathered from them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, Num

from sign_jax.errors import UserError

_GIB = 2**30
_SHARE = 0.8  # of the free memory; the rest is for gradients and activations


def check_room(nbytes: int, what: str) -> None:
  """Raises UserError when `nbytes` on each device are too many; where the device says how many.

  Args:
    nbytes: bytes that each device would hold.
    what: what they are, for the message.
  """
  free = [room for device in jax.local_devices() if (room := _free_bytes(device)) is not None]
  if free and nbytes > _SHARE * min(free):
    raise UserError(
      f"{what} take {nbytes / _GIB:.1f} GiB of each device, of which {min(free) / _GIB:.1f} GiB "
      f"are free and {1 - _SHARE:.0%} of these must stay so: use --config.data.placement=host"
    )


def _free_bytes(device):
  """Free memory of a device, None where it does not say (CPUs)."""
  stats = device.memory_stats() or {}
  if "bytes_limit" not in stats:
    return None
  return stats["bytes_limit"] - stats.get("bytes_in_use", 0)


def gather(
    rows: Num[Array, "R D"], start: Int32[Array, " B"], windows: Int32[Array, " B"], length: int
) -> tuple[Num[Array, "B L_v D"], Bool[Array, "B L_v"]]:
  """The videos of a batch; inside jit.

  Args:
    rows: (R, D), see `data.resident.rows`.
    start, windows: (B,) int32, where each video begins in `rows`, and its number of windows.
    length: L_v.

  Returns:
    (B, L_v, D) of the same dtype, zeros behind the last window, and (B, L_v) bool, True = a window.
  """
  place = jnp.arange(length)
  valid = place[None, :] < windows[:, None]
  video = jnp.take(rows, start[:, None] + place[None, :], axis=0, mode="clip")
  return jnp.where(valid[:, :, None], video, jnp.zeros([], rows.dtype)), valid
