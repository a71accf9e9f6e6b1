"""Frozen records: what one stage returns and the next one takes. They import nothing but each other."""
