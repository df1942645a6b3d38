"""Orders into fills: a process of its own, without dagster or pandas."""
