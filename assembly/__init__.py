"""What ``main`` puts together, one file for each layer; nothing else imports it."""
