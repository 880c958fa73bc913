"""Parse, call one function, print; `compose` is the only place that joins the parts."""
