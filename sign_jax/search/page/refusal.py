"""What the page refuses, as one sentence with the status of HTTP that fits it."""

from sign_jax.errors import UserError


class Refusal(UserError):
  """A request that is not served; `http` is the status of the answer."""

  def __init__(self, sentence: str, http: int = 400) -> None:
    super().__init__(sentence)
    self.http = http
