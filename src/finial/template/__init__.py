"""Go's text/template with the sprig functions that SPIRE allows: text in, a checked `Template` out, evaluated on
plain data in bounded time and size. Pure.

    Template.parse("/cn/{{ .Subject.CommonName | lower }}").render({"Subject": {"CommonName": "Web"}})

Without `define`, `template` and `block`: parsing refuses them.
"""

from finial.template.template import Template

__all__ = ["Template"]
