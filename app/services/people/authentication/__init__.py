"""Proofs of who somebody is besides a password: second factors, recovery codes, accounts of an organisation."""
