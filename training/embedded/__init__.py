"""The recipe of the embedded bundle: small encoders from scratch, then the fusion model."""
