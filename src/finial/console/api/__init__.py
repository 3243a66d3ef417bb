"""The console over HTTP: REST for what the command line does, and events when something moved."""
