"""What tells a process that it is one of several; test_local.py has several at work."""

import jax
import pytest

from sign_jax.errors import UserError
from sign_jax.train import distributed
from tests import program

OURS = {
    "SIGN_JAX_COORDINATOR": "host-0.pods:8476", "SIGN_JAX_PROCESSES": "4", "SIGN_JAX_PROCESS": "2",
}
FOUND = {
    "coordinator_address": "host-0.pods:8476", "num_processes": 4, "process_id": 2,
    "cluster_detection_method": "deactivate",
}


@pytest.mark.parametrize(("environment", "expected"), [
    ({}, None),
    (OURS, FOUND),
    ({**OURS, "SIGN_JAX_PROCESSES": "1", "SIGN_JAX_PROCESS": "0"}, None),
    ({**OURS, "SLURM_STEP_NUM_TASKS": "9"}, FOUND),
    ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}, None),  # a batch script, or a shell: no step
    ({"SLURM_STEP_NUM_TASKS": "1"}, None),
    ({"SLURM_STEP_NUM_TASKS": "4"}, {"cluster_detection_method": "slurm"}),
    ({"OMPI_COMM_WORLD_SIZE": "1"}, None),
    ({"OMPI_COMM_WORLD_SIZE": "2"}, {"cluster_detection_method": "ompi"}),
    ({"TPU_WORKER_HOSTNAMES": "localhost"}, None),
    ({"TPU_WORKER_HOSTNAMES": "t-0,t-1"}, {}),
])
def test_processes_are_found_where_there_are_several(environment, expected):
  assert distributed.find(environment) == expected


def test_a_pod_of_an_indexed_job_knows_its_number():
  environment = {**OURS, "JOB_COMPLETION_INDEX": "3"}
  assert distributed.find(environment)["process_id"] == 2
  del environment["SIGN_JAX_PROCESS"]
  assert distributed.find(environment)["process_id"] == 3


@pytest.mark.parametrize(("changes", "message"), [
    ({"SIGN_JAX_COORDINATOR": "host"}, "SIGN_JAX_COORDINATOR='host' is not the HOST:PORT"),
    ({"SIGN_JAX_COORDINATOR": "host:99999"}, "is not the HOST:PORT"),
    ({"SIGN_JAX_PROCESSES": "two"}, "SIGN_JAX_PROCESSES='two' is not a whole number: set"),
    ({"SIGN_JAX_PROCESS": "4"}, "process 4 is not one of SIGN_JAX_PROCESSES=4: number them"),
    ({"SIGN_JAX_PROCESS": "-1"}, "is not a whole number"),
])
def test_malformed_variables_are_told_in_one_sentence(changes, message):
  with pytest.raises(UserError, match=message):
    distributed.find({**OURS, **changes})


def test_missing_variables_are_named():
  with pytest.raises(UserError, match="SIGN_JAX_PROCESSES is missing: set"):
    distributed.find({"SIGN_JAX_COORDINATOR": "host:80"})


def test_a_coordinator_that_is_not_there_is_told_in_one_sentence(monkeypatch):
  monkeypatch.setenv("SIGN_JAX_TIMEOUT", "1")
  for name, value in {**OURS, "SIGN_JAX_COORDINATOR": "127.0.0.1:9"}.items():
    monkeypatch.setenv(name, value)
  status, _, error = program.run("tests.meeting")
  lines = [line for line in error.splitlines() if line.startswith("error:")]
  assert status == 1 and len(lines) == 1, error
  assert "the other processes were not met at 127.0.0.1:9" in lines[0]


def test_devices_that_know_of_others_are_not_trained_on_alone(monkeypatch):
  distributed.start({})
  monkeypatch.setattr(jax, "process_count", lambda: 4)
  with pytest.raises(UserError, match="one of 4 processes, .* set SIGN_JAX_COORDINATOR"):
    distributed.start({})


@pytest.mark.parametrize("mode", ["train", "evaluate"])
def test_configurations_are_compared_before_the_data_are_read(mode, monkeypatch, tmp_path, capsys):
  args = ["--config=configs/cico.py", "--config.data.data_dir=nowhere"]
  (tmp_path / "config.json").write_text(program.parse(monkeypatch, *args).to_json())
  (tmp_path / "checkpoints" / "last" / "1").mkdir(parents=True)

  def differs(text, what):
    assert text.startswith(mode) and "nowhere" in text
    raise UserError(f"{what} differs")

  monkeypatch.setattr(distributed, "check_same", differs)
  with pytest.raises(SystemExit):
    program.call(monkeypatch, *args, f"--workdir={tmp_path}", f"--mode={mode}")
  told = capsys.readouterr().err
  assert told == "error: the mode, the configuration or the run in --workdir differs\n"
