"""Tables of versions and of the alias that names the live one."""
