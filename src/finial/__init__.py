"""Finial: SPIFFE identities for workloads. `finial.client` is what an application imports."""

__version__ = "0.1.0"

# The release of SPIRE whose protocols, schema, configuration and words Finial keeps.
SPIRE_VERSION = "1.15.3"
