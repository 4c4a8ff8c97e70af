"""Assignments: building them, and grading what students hand in.

course    where a course lies, and its source and release notebooks
handed    which files of a folder are whose submission
mend      the pre-check: every graded cell once, test cells as they were handed out
sandbox   a process that runs cells and sees nothing; ``inside`` is its other end
calls     which system calls it may not make
running   a notebook's cells, and ``last_cell`` that shows whether its tests lie
grading   one submission after another into the gradebook, feedback and a table
"""
