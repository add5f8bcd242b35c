"""Package feeds: files of one name and version, which never change once they are published."""
