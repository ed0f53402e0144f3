"""``python -m kis_sync``: the command line.

This room changes when the command line starts in another way.
"""

from kis_sync.cli import main

if __name__ == "__main__":
    main()
