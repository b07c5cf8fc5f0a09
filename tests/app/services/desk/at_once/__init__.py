"""Tests of the desk where several people, versions or databases take part."""
