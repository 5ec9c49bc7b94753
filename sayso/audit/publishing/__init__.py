"""Publishing: signed heads go to places that the database's administrator does not control."""
