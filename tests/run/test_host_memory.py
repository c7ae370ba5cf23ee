"""Whether freed memory is kept between steps on a CPU."""

import json
import os
import platform
import subprocess
import sys
import types

import jax
import pytest

from sign_jax.run import host_memory

PROGRAM = """
import ctypes, json, resource, sys
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: pages of 4 KiB, to be counted
from sign_jax.run import host_memory
kept = host_memory.keep_freed() if sys.argv[1] == "keep" else False
import jax, jax.numpy as jnp
# 64 MiB that are no argument and no result.
f = jax.jit(lambda x: ((x + x.T) @ x[:, :8]).sum())
x = jnp.ones((4096, 4096))
faults = []
for _ in range(9):
  f(x).block_until_ready()
  faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
pages = sorted(b - a for a, b in zip(faults, faults[1:]))[4]
print(json.dumps([kept, pages * resource.getpagesize()]))
"""
TEMPORARIES = 64 << 20  # bytes, of the program's step


def run(way):
  done = subprocess.run(
    [sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, check=True,
    env={"JAX_PLATFORMS": "cpu", "PATH": ""},
  )  # fmt: skip
  return json.loads(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc alone")
@pytest.mark.skipif(jax.__version_info__ >= (0, 11), reason="later ones compute in other threads")
def test_a_step_maps_no_pages_anew():
  kept, mapped = run("keep")
  assert kept
  assert mapped < TEMPORARIES / 10
  _, usually = run("default")
  if usually < TEMPORARIES / 2:
    pytest.skip("this system gives no memory back, or counts no pages")
  assert mapped < usually / 10


def test_what_the_c_library_is_asked_for(monkeypatch):
  _platforms(monkeypatch, "cpu")
  for name in list(os.environ):
    if name.startswith("MALLOC_") or name in ("GLIBC_TUNABLES", "LD_PRELOAD"):
      monkeypatch.delenv(name)
  asked = {}

  def mallopt(parameter, value):
    asked[parameter] = value
    return answer

  monkeypatch.setattr(host_memory.sys, "platform", "linux")
  monkeypatch.setattr(
    host_memory.ctypes, "CDLL", lambda _: types.SimpleNamespace(mallopt=mallopt)
  )
  for answer in (0, 1):
    assert host_memory.keep_freed() is bool(answer)
  assert asked == {-4: 0, -1: -1}  # M_MMAP_MAX, M_TRIM_THRESHOLD of malloc.h


def _platforms(monkeypatch, platforms):
  config = types.SimpleNamespace(jax_platforms=platforms, update=lambda *_: None)
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
