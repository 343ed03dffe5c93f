"""The bill of materials of an installation: read from files of the repository alone, so that it can be made again."""
