"""How parts that differ by site are plugged in: kinds of plugin, the catalog, a plugin's own options."""
