"""Evolution strategies on data and on episodes: what they find, against formulas, random search and gradients."""
