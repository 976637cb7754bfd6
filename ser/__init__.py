"""See and hear emotion in speech."""
