"""From a config.json to the parts of a model: what each family of architectures stores, tensor by tensor."""
