"""The server: attests nodes, keeps who may hold what, signs, and tells agents of every change."""
