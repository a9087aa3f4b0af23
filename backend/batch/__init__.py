"""Many photographs to portraits, stills, films and a report; on this machine, or on a Ray cluster.

photos (what to make, and its names) -> work (one photograph) <- local or cluster (many) -> report. In the output
folder a hidden `.batch` keeps a note for each finished photograph, from which `--resume` goes on, and what is
unfinished: a file in the output folder itself is whole, whatever was killed when. One run at a time to a folder.
"""
