"""`python -m gateway` is the command `healthspace-gateway`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
