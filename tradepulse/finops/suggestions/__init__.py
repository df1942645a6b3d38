"""Where money could be saved: one file per kind of saving, each with its evidence and its counterfactual."""
