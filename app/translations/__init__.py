"""The catalogues of the interface: one `messages.po` a language, as GNU gettext knows them."""
