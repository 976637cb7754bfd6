"""Training of the models that `ser` runs."""
