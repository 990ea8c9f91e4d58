"""Prints the points of all Whisper files below a folder: `name timestamp value`, by name and time.

Waits until there are as many as told, or the seconds are over. Carbon writes a file when it gets
to it, and Whisper shows no point before its time.
"""

import os
import sys
import time

import whisper


def points(root):
    for folder, _, files in os.walk(root):
        for file in files:
            path = os.path.join(folder, file)
            # Carbon makes a folder of each part of a name that ends with a dot.
            name = os.path.relpath(path, root).removesuffix(".wsp").replace(os.sep, ".")
            try:
                (start, _, step), values = whisper.fetch(path, 0)
            except whisper.CorruptWhisperFile:
                continue  # It is just being made.
            for index, value in enumerate(values):
                if value is not None:
                    yield name, start + index * step, value


root, wanted, patience = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
end = time.monotonic() + patience
while len(found := list(points(root))) < wanted and time.monotonic() < end:
    time.sleep(0.1)
for name, timestamp, value in sorted(found):
    # The shortest text that is the same double.
    print(name, timestamp, repr(value))
