"""Typed schemas of what is sent: they check it, for pages and API, and describe it in the API's document."""
