"""Many vectors, searched by dot product: what is near is proposed here, and decided exactly by the caller."""
