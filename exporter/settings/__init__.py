"""The settings, which come from the environment."""
