"""The built-in plugins: one folder or file each, by kind. `plugin.catalog` loads them by name."""
