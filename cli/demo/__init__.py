"""``slipway demo``: the main job on real input, by three identities, through the API alone."""
