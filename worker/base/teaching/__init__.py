"""Distillation: rewrites by the model itself and by larger ones, filtered to train on."""
