"""Live state: what Redis knows of a shopper at this moment."""
