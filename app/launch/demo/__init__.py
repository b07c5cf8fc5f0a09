"""`make demo`: a studio of its own in which simulated people have judged, trained and begun a comparison."""
