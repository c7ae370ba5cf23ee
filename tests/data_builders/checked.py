"""What `data_builders.check` finds in a corpus."""

from data_builders import check
from data_builders.checks import report
from tests.data_builders import trees

CORPORA = {"how2sign": trees.how2sign, "phoenix14t": trees.phoenix14t, "csl_daily": trees.csl_daily}


def found(name, root, protocol="cico"):
  """The findings of a corpus: {(level, text): items}."""
  checked = check.check(name, root, protocol)
  return {(finding.level, finding.text): finding.items for finding in checked.findings}


def items(findings, level, words):
  """The items of the one finding of a level whose text holds `words`."""
  matches = [value for (at, text), value in findings.items() if at == level and words in text]
  assert len(matches) == 1, (words, findings.keys())
  return matches[0]


def errors(findings):
  return [text for level, text in findings if level == report.ERROR]
