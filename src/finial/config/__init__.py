"""Configuration: text in, frozen dataclasses out. SPIRE's files, keys and defaults, with positions in errors.

`server.load_server` and `agent.load_agent` are the doors. A plugin declares its own options with
`options.option`; whoever builds it decodes them with `plugins.decode_options`.
"""
