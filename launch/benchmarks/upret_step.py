"""A full training step of UPRet: ours, PyTorch eager and PyTorch compiled, in turns.

Same sizes, features of one stream, dropout and noise drawn anew, the released optimiser. PyTorch
runs in float32, as the released code does.
"""

import jax

from launch import step_program
from launch.benchmarks import _measure
from sign_jax.data import pipeline
from sign_jax.data.split_sizes import SplitSizes
from sign_jax.data.splits import SPLITS
from sign_jax.errors import first_line
from sign_jax.run import task
from sign_jax.train.step import Trainer

_MODULE, _BLOCKS = "tests.reference.upret", "tests.torch.reference"
OURS, EAGER, COMPILED = "ours", "PyTorch", "PyTorch compiled"
_FEATURES = 1024


def add_arguments(parser):
  """Sizes."""
  parser.add_argument("--batch_size", type=int, help="pairs; default 32, on accelerators 512")
  parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                      help="of the configuration, as in model.dtype='float32'")  # fmt: skip
  parser.add_argument("--no_compiled", action="store_true", help="leaves torch.compile out")
  _measure.add_repeats(parser)


def run(args):
  """Times a step in each way; see `launch.benchmarks`.

  Raises:
    UserError: sizes that cannot be, or no PyTorch.
  """
  batch_size = args.batch_size or (32 if _measure.on_cpu() else 512)
  args.batch_size = batch_size
  _measure.check_positive(args, "batch_size", "repeats")
  config = _measure.upret_config(batch_size, args.set)
  trainer, batch = make_trainer(config)
  ways, why_not = {OURS: our_step(trainer, batch)}, None
  ways[EAGER] = torch_step(config, batch)
  if not args.no_compiled:
    compiled, why_not = _compiled_step(config, batch)
    ways |= {COMPILED: compiled} if compiled else {}
  seconds = _measure.in_turns(ways, args.repeats)
  table = _measure.rows(seconds, EAGER, batch_size, "pairs")
  flops = 3 * _forward_flops(trainer, batch)
  for row in table:
    row["utilisation"] = _measure.utilisation(flops, row["best s"])
  if why_not:
    missing = dict.fromkeys(table[0], _measure.UNMEASURED)
    table.append({**missing, "way": f"{COMPILED}: {why_not}"})
  return {
    "settings": {"batch_size": batch_size, "set": args.set, "repeats": args.repeats},
    "rows": table,
    "model_flops": flops,
    "seconds": seconds,
    **_measure.goals("batch 512 in bfloat16 on an H200: 80 ms a step, 8 times PyTorch"),
  }


def make_trainer(config):
  """(Trainer, a batch of random numbers) without a data set."""
  data = config.data
  splits = dict.fromkeys(SPLITS, SplitSizes(config.batch_size, _FEATURES, data.combine))
  batch = pipeline.fake_batch(config.batch_size, data.video_length, _FEATURES, data.text_length)
  return Trainer(task.make(config, splits), config), batch


def our_step(trainer, batch):
  """A function that makes one update."""
  kept = [trainer.create()]

  def step():
    kept[0], metrics = trainer.step(kept[0], batch)
    jax.block_until_ready(metrics)
    return float(metrics["loss"])

  return step


def _forward_flops(trainer, batch):
  def loss(variables):
    return trainer.task.loss(variables, batch, jax.random.key(0), 0)[0]

  # The loops of the late interaction end where data decide; of its four products, one is forward.
  config, jaxpr = trainer.config, jax.make_jaxpr(loss)(trainer.target.variables).jaxpr
  pairs = step_program.pair_flops(config, config.batch_size) / 4
  return step_program.matrix_flops(jaxpr, undecided=0) + pairs


def torch_step(config, batch, wrap=lambda module: module):
  """A function that makes one update of the reference; `wrap` is put around its module."""
  torch, upret = _measure.reference(_MODULE)
  _, blocks = _measure.reference(_BLOCKS)
  device = "cuda" if torch.cuda.is_available() else "cpu"
  sizes = config.model
  towers = [{k: getattr(sizes, side)[k] for k in ("width", "heads", "layers")}
            for side in ("video", "text")]  # fmt: skip
  torch.manual_seed(0)
  module = upret.UPRet(*towers, sizes.embed_dim, sizes.distribution.dropout).to(device)
  upret.initialize(module)
  parameters = dict(module.named_parameters())
  optimizer = blocks.ReleasedAdam(parameters, config.optim.lr, config.steps)
  placed = {name: torch.as_tensor(x).to(device) for name, x in batch.items()}
  placed = {name: x.long() if x.dtype == torch.int32 else x for name, x in placed.items()}
  forward = wrap(module)

  def step():
    module.zero_grad()
    loss = upret.contrastive_loss(*forward(placed))
    loss.backward()
    optimizer.step()
    with torch.no_grad():
      module.clip.logit_scale.clamp_(max=config.optim.max_logit_scale)
    return loss.item()

  return step


def _compiled_step(config, batch):
  """(step, None), or (None, why there is none)."""
  torch, _ = _measure.reference(_MODULE)
  try:
    step = torch_step(config, batch, torch.compile)
    step()
  except Exception as error:  # whatever a compiler that is missing or broken raises
    return None, f"{type(error).__name__}: {first_line(error)}"
  return step, None
