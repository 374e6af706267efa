"""`python -m spkeras`."""

from spkeras.cli import main

if __name__ == "__main__":
    main(prog_name="spkeras")
