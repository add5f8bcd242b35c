"""One service call each: queries, mutations, subscriptions, loaders and how a command is carried out."""
