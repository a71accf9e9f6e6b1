"""Gates: the rules of a release, decided from records alone."""
