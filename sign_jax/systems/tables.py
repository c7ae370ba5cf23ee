"""The retrieval systems whose released checkpoints are known, by their names in configurations."""

from sign_jax.systems.seds import released_names as seds
from sign_jax.systems.upret import released_names as upret

# Rules between released and our names.
TABLES = {**upret.SYSTEMS, "seds": seds.SEDS}
# What the released files hold beside those.
IGNORE = {**dict.fromkeys(upret.SYSTEMS, upret.IGNORE), "seds": seds.IGNORE}
