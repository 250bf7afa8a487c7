"""One module per subcommand, each with `add(subparsers)`, which sets `run` as its default."""
