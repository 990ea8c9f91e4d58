"""``python -m gstatsd`` is the command ``gstatsd``."""

from gstatsd.service import main

if __name__ == "__main__":
    main()
