"""`python -m tests.elsewhere FOLDER MODULE ARGS` is `python -m MODULE ARGS` in another folder."""

import os
import runpy
import sys

if __name__ == "__main__":
  os.chdir(sys.argv[1])
  sys.path.insert(0, os.getcwd())
  del sys.argv[:2]
  runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
