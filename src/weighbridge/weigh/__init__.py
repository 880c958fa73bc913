"""Tasks, scorers, the runner, the verdict and its report; every call goes through dispatch."""
