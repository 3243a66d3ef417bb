"""The agent: proves its node, keeps SVIDs for the workloads on it, and serves them on a local socket."""
