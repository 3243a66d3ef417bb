"""Configuration: text in, frozen dataclasses out. SPIRE's files, keys and defaults, with positions in errors.

`server.load_server` and `agent.load_agent` are the doors; a plugin declares its own options with
`options.option` and the catalog decodes them with `decode.decode`.
"""
