"""Retraining of chat models in a project whose task is answering."""
