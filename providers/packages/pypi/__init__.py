"""Python packages: wheels and sdists, read without running or unpacking anything of them."""
