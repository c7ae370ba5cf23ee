"""The files for SLURM and Kubernetes: complete, without unknown fields, and what they do."""

import contextlib
import os
import re
import signal
import subprocess
import time

import pytest
import yaml

from sign_jax.errors import Stopped, UserError
from sign_jax.search import __main__ as search
from sign_jax.train import distributed
from tests.program import ROOT

SLURM, GKE = ROOT / "launch" / "slurm" / "train.sbatch", ROOT / "launch" / "gke"
SEARCH = SLURM.with_name("search.sbatch")

# What we use of Kubernetes: {field: type, nested fields, or [nested fields of each item]}; fields
# that must be there have an asterisk.
META = {"*name": str, "annotations": dict}
CONTAINER = {
    "*name": str, "*image": str, "*command": [str], "*args": [str],
    "*env": [{"*name": str, "*value": str}], "*ports": [{"*containerPort": int}],
    "*resources": {"*limits": dict}, "*volumeMounts": [{"*name": str, "*mountPath": str}],
}
POD = {
    "*restartPolicy": str, "*terminationGracePeriodSeconds": int, "*nodeSelector": dict,
    "*containers": [CONTAINER], "subdomain": str,
    "*volumes": [{
        "*name": str, "persistentVolumeClaim": {"*claimName": str}, "emptyDir": {"*medium": str},
    }],
}
RULE = {
    "*action": str, "onExitCodes": {"*operator": str, "*values": [int]},
    "onPodConditions": [{"*type": str, "*status": str}],
}
JOB = {
    "*completionMode": str, "*completions": int, "*parallelism": int, "*backoffLimit": int,
    "*podFailurePolicy": {"*rules": [RULE]},
    "*template": {"*spec": POD},
}
KINDS = {
    ("v1", "Service"): {
        "*clusterIP": str, "*selector": dict, "publishNotReadyAddresses": bool,
    },
    ("batch/v1", "Job"): JOB,
    ("jobset.x-k8s.io/v1alpha2", "JobSet"): {
        "*failurePolicy": {
            "*maxRestarts": int,
            "*rules": [{"*name": str, "*action": str, "*onJobFailureReasons": [str]}],
        },
        "*replicatedJobs": [{"*name": str, "*replicas": int, "*template": {"*spec": JOB}}],
    },
}


def faults(value, schema, where):
  """What of `value` does not fit `schema`, one sentence each."""
  if isinstance(schema, type):
    return [] if type(value) is schema else [f"{where} is no {schema.__name__}"]
  if isinstance(schema, list):
    if not isinstance(value, list) or not value:
      return [f"{where} is no list with items"]
    return sum((faults(x, schema[0], f"{where}[{i}]") for i, x in enumerate(value)), [])
  if not isinstance(value, dict):
    return [f"{where} has no fields"]
  known = {name.lstrip("*"): part for name, part in schema.items()}
  missing = [n[1:] for n in schema if n.startswith("*") and n[1:] not in value]
  found = [f"{where} lacks {name}" for name in missing]
  found += [f"{where} has an unknown {name}" for name in value if name not in known]
  return found + sum(
      (faults(x, known[name], f"{where}.{name}") for name, x in value.items() if name in known), []
  )


def faults_of(document):
  schema = {
      "*apiVersion": str, "*kind": str, "*metadata": META,
      "*spec": KINDS[document["apiVersion"], document["kind"]],
  }
  return faults(document, schema, document["kind"])


def documents(name):
  return {d["kind"]: d for d in yaml.safe_load_all((GKE / name).read_text())}


@pytest.mark.parametrize("name", ["gpu_job.yaml", "tpu_jobset.yaml", "search_job.yaml"])
def test_manifests_have_the_fields_that_kubernetes_knows(name):
  for document in documents(name).values():
    assert faults_of(document) == []
  assert all("<" in line for line in (GKE / name).read_text().splitlines() if "image:" in line)


def test_the_check_of_manifests_finds_mistakes():
  job = documents("gpu_job.yaml")["Job"]
  job["spec"]["complections"] = job["spec"].pop("completions")
  job["spec"]["template"]["spec"]["containers"][0]["env"][1]["value"] = 2
  assert faults_of(job) == [
      "Job.spec lacks completions", "Job.spec has an unknown complections",
      "Job.spec.template.spec.containers[0].env[1].value is no str",
  ]


@pytest.mark.parametrize("name", ["gpu_job.yaml", "search_job.yaml"])
def test_pods_of_a_job_find_one_another(name):
  found = documents(name)
  job, service = found["Job"]["spec"], found["Service"]
  pod = job["template"]["spec"]
  names = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
  assert names == {volume["name"] for volume in pod["volumes"]}
  assert service["spec"]["selector"] == {"job-name": found["Job"]["metadata"]["name"]}
  environment = {e["name"]: e["value"] for e in pod["containers"][0]["env"]}
  for index in range(job["completions"]):
    process = distributed.find({**environment, "JOB_COMPLETION_INDEX": str(index)})
    assert process["process_id"] == index and process["num_processes"] == job["completions"]
  host, port = process["coordinator_address"].split(":")
  assert host == f"{found['Job']['metadata']['name']}-0.{pod['subdomain']}"
  assert pod["subdomain"] == service["metadata"]["name"]
  assert int(port) in [p["containerPort"] for p in pod["containers"][0]["ports"]]
  assert job["parallelism"] == job["completions"]


def test_the_search_is_one_that_the_program_knows():
  job = documents("search_job.yaml")["Job"]["spec"]
  (container,) = job["template"]["spec"]["containers"]
  *program, command = container["command"]
  assert program == ["python", "-m", "sign_jax.search"]
  args = search._parse([command, *container["args"]])
  assert args.together and str(args.index) == "/shared/archive"
  # argparse says of options that it does not know that the status is 2
  failures = dict.fromkeys((UserError.status, 2), "FailJob")
  assert actions(job) == {"DisruptionTarget": "Ignore"} | failures
  assert job["template"]["spec"]["restartPolicy"] == "Never"


def slice_job():
  return documents("tpu_jobset.yaml")["JobSet"]["spec"]["replicatedJobs"][0]["template"]["spec"]


def actions(job):
  """{exit status or condition of a pod: what happens}."""
  return {
      reason: rule["action"] for rule in job["podFailurePolicy"]["rules"]
      for reason in rule.get("onExitCodes", {}).get("values", [])
      + [condition["type"] for condition in rule.get("onPodConditions", [])]
  }


def test_mistakes_are_not_tried_again():
  gpu = documents("gpu_job.yaml")["Job"]["spec"]
  assert list(actions(gpu).items()) == [  # an evicted pod is started again whatever its status
      ("DisruptionTarget", "Ignore"), (Stopped.status, "Ignore"), (UserError.status, "FailJob"),
  ]
  assert actions(slice_job()) == {UserError.status: "FailJob"}
  (rule,) = documents("tpu_jobset.yaml")["JobSet"]["spec"]["failurePolicy"]["rules"]
  assert (rule["action"], rule["onJobFailureReasons"]) == ("FailJobSet", ["PodFailurePolicy"])
  for job in (gpu, slice_job()):
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # what such a policy requires


def test_the_slice_has_a_pod_for_every_host():
  job = slice_job()
  pod = job["template"]["spec"]
  rows, columns = map(int, pod["nodeSelector"]["cloud.google.com/gke-tpu-topology"].split("x"))
  chips = int(pod["containers"][0]["resources"]["limits"]["google.com/tpu"])
  assert rows * columns == chips * job["completions"] == chips * job["parallelism"]


# It goes on until it is stopped, and then until the test has seen that; never by the clock, but for
# the hour after which nobody waits for it any more.
STEP = """#!/bin/bash
echo "$@" >> {log}
stopping() {{
  echo stopping >> {log}
  while [ ! -e {log}.seen ] && [ $SECONDS -lt 3600 ]; do sleep 0.05; done
  exit {status}
}}
trap stopping TERM
echo $$ > {log}.starting && mv {log}.starting {log}.pid
while [ $SECONDS -lt 3600 ]; do sleep 0.05; done
"""
LONGEST = 600  # seconds: of a machine that is busy with other things


class Job:
  """The batch script at work, with a step that ends with `status` after SIGTERM."""

  def __init__(self, folder, status):
    self._folder, self._log = folder, folder / "log"
    commands = {
        "srun": STEP.format(log=self._log, status=status),
        "scancel": f'#!/bin/bash\necho scancel "$@" >> {self._log}\n'
                   f"kill -TERM $(cat {self._log}.pid)\n",
        "scontrol": f'#!/bin/bash\necho scontrol "$@" >> {self._log}\n',
    }
    for name, text in commands.items():
      (folder / name).write_text(text)
      (folder / name).chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "SLURM_JOB_ID": "7",
        "SLURM_SUBMIT_DIR": str(ROOT), "SIGN_JAX_VENV": "/venv", "TFDS_DATA_DIR": "/data",
        "SLURM_CPUS_PER_TASK": "12",
    }
    self._script = subprocess.Popen(
        ["bash", SLURM, "--config", "c", "--workdir", "w"], env=environment
    )
    self._until(folder / "log.pid", "")
    self.step = int((folder / "log.pid").read_text())

  def lines(self):
    """What the commands that the script calls have been asked for."""
    return self._log.read_text().splitlines()

  def send(self, number):
    """A signal to the script alone."""
    self._script.send_signal(number)

  def let_stop(self):
    """Lets the step end, after it has been seen stopping."""
    self._until(self._log, "stopping")
    (self._folder / "log.seen").touch()

  def status(self):
    """The script's, at its end."""
    return self._script.wait(LONGEST)

  def kill(self):
    """Ends what is left of a test that failed."""
    for number in (self._script.pid, getattr(self, "step", None)):
      with contextlib.suppress(ProcessLookupError, TypeError):
        os.kill(number, signal.SIGKILL)
    self._script.wait()

  def _until(self, path, text):
    """Waits until a file holds a text."""
    end = time.monotonic() + LONGEST
    while not (path.exists() and text in path.read_text()):
      ended = self._script.poll() is not None
      # Once more: it may have written the text just before it ended.
      assert not ended or path.exists() and text in path.read_text(), path
      assert time.monotonic() < end, path
      time.sleep(0.01)


@pytest.fixture
def start(tmp_path):
  """start(status) -> `Job`."""
  with contextlib.ExitStack() as jobs:

    def start(status):
      job = Job(tmp_path, status)
      jobs.callback(job.kill)
      return job

    yield start


def test_the_batch_script_stops_and_requeues_when_its_time_is_up(start):
  job = start(Stopped.status)
  for _ in range(2):  # SLURM may say it again
    job.send(signal.SIGUSR1)
  job.let_stop()
  assert job.status() == 0
  started, *rest = job.lines()
  assert "--cpus-per-task=12 " in started  # srun does not take it from the job
  assert started.endswith("/venv/bin/python -m sign_jax.main --config c --workdir w")
  assert rest == ["scancel --signal=TERM 7", "stopping", "scontrol requeue 7"]


def test_the_batch_script_requeues_after_a_preemption(start):
  job = start(Stopped.status)
  os.kill(job.step, signal.SIGTERM)  # which only the steps are told of
  job.let_stop()
  assert job.status() == 0
  assert job.lines()[1:] == ["stopping", "scontrol requeue 7"]


@pytest.mark.parametrize("status", [1, 137])
def test_the_batch_script_does_not_requeue_an_error(start, status):
  job = start(status)
  job.send(signal.SIGUSR1)
  job.let_stop()
  assert job.status() == status
  assert not any("requeue" in line for line in job.lines())


def test_the_batch_script_does_not_requeue_a_cancelled_job(start):
  job = start(Stopped.status)
  job.send(signal.SIGTERM)
  os.kill(job.step, signal.SIGTERM)
  job.let_stop()
  assert job.status() == Stopped.status
  assert not any("requeue" in line for line in job.lines())


def test_the_batch_script_asks_for_a_signal_before_the_end():
  lines = SLURM.read_text().splitlines()
  options = dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", "\n".join(lines), re.M))
  assert "requeue" in options and re.fullmatch(r"B:USR1@\d{3,}", options["signal"])
  assert options["ntasks-per-node"] == options["gpus-per-node"]  # one process a GPU
  assert {name for name, value in options.items() if "<" in value} == {"partition", "account"}


@pytest.mark.parametrize("status", [0, 1])
def test_the_search_passes_sentences_on_as_they_are(tmp_path, status):
  log = tmp_path / "log"
  step = f'#!/bin/bash\nprintf "%s\\n" "$@" > {log}\necho $JAX_PLATFORMS >> {log}\nexit {status}\n'
  (tmp_path / "srun").write_text(step)
  (tmp_path / "srun").chmod(0o755)
  environment = {
      **os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_SUBMIT_DIR": str(ROOT),
      "SIGN_JAX_VENV": "/venv", "SLURM_CPUS_PER_TASK": "16",
  }  # fmt: skip
  environment.pop("JAX_PLATFORMS", None)
  asked = ["--index", "the index", "--workdir", "w", "It will rain."]
  ended = subprocess.run(["bash", SEARCH, *asked], env=environment, timeout=LONGEST)
  assert ended.returncode == status
  *said, platform = log.read_text().splitlines()
  begin = said.index("/venv/bin/python")
  assert "--cpus-per-task=16" in said[:begin] and platform == "cpu"
  assert said[begin + 1 :] == ["-m", "sign_jax.search", "query", *asked]
  assert search._parse(said[begin + 3 :]).together
  options = dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", SEARCH.read_text(), re.M))
  assert {name for name, value in options.items() if "<" in value} == {"partition", "account"}
