"""Whether freed memory is kept between steps on a CPU."""

import json
import platform
import subprocess
import sys
import types

import jax
import pytest

from sign_jax import host_memory

PROGRAM = """
import ctypes, json, resource, sys
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: pages of 4 KiB, to be counted
from sign_jax import host_memory
kept = host_memory.keep_freed() if sys.argv[1] == "keep" else False
import jax, jax.numpy as jnp
# 64 MiB that are no argument and no result.
f = jax.jit(lambda x: ((x + x.T) @ x[:, :8]).sum())
x = jnp.ones((4096, 4096))
faults = []
for _ in range(9):
  f(x).block_until_ready()
  faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(json.dumps([kept, sorted(b - a for a, b in zip(faults, faults[1:]))[4]]))
"""


def run(way):
  done = subprocess.run(
    [sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True,
    env={"JAX_PLATFORMS": "cpu", "PATH": ""},
  )  # fmt: skip
  return json.loads(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")
@pytest.mark.skipif(jax.__version_info__ >= (0, 11), reason="later ones compute in other threads")
def test_a_step_maps_no_pages_anew():
  kept, faults = run("keep")
  assert kept
  assert faults < 1000
  assert run("default")[1] > 10 * max(faults, 100)


def _platforms(monkeypatch, platforms):
  config = types.SimpleNamespace(jax_platforms=platforms)
  stand_in = types.SimpleNamespace(config=config, __version_info__=(0, 10, 0))
  monkeypatch.setattr(host_memory, "jax", stand_in)


@pytest.mark.parametrize("platforms", ["cuda", "cuda,cpu", "tpu"])
def test_accelerators_change_nothing(monkeypatch, platforms):
  _platforms(monkeypatch, platforms)
  monkeypatch.setattr(host_memory.ctypes, "CDLL", pytest.fail)
  assert not host_memory.keep_freed()


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD"])
def test_the_environment_decides(monkeypatch, name):
  _platforms(monkeypatch, "cpu")
  monkeypatch.setenv(name, "0")
  monkeypatch.setattr(host_memory.ctypes, "CDLL", pytest.fail)
  assert not host_memory.keep_freed()


def test_an_installed_plugin_counts_as_an_accelerator(monkeypatch):
  _platforms(monkeypatch, None)
  monkeypatch.setattr(host_memory.importlib.metadata, "entry_points", lambda group: [group])
  monkeypatch.setattr(host_memory.ctypes, "CDLL", pytest.fail)
  assert not host_memory.keep_freed()
