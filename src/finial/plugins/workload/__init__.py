"""Workload attestation: which facts hold for a process."""
