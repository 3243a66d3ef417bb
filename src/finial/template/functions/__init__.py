"""What a template may call: Go's own functions and SPIRE's choice of sprig's, by name. Pure.

SPIRE 1.15 `pkg/common/agentpathtemplate` lists the names; what they do is sprig 3's.
"""

from finial.template.functions import builtin, case, dicts, encoding, lists, paths, patterns, text
from finial.template.functions.declare import FUNCTIONS

__all__ = ["FUNCTIONS", "builtin", "case", "dicts", "encoding", "lists", "paths", "patterns", "text"]
