"""Published versions: staged, verified, published, fetched, listed; and what lies beside them."""
