"""How good a clustering is: metrics, references, a simulated corrector, and material to measure on."""
