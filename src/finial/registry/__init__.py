"""What is registered and who may hold what: entries, agents, join tokens, federation. Pure rules."""
