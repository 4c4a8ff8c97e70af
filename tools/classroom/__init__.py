"""Assignments: building them, and grading what students hand in.

course    where a course lies, and its source and release notebooks
handed    which files of a folder are whose submission
mend      the pre-check: every graded cell once, test cells as they were handed out
last_cell a cell that shows whether a submission's tests can be trusted
sandbox   a process that runs cells and sees nothing; ``inside`` is its other end
grading   one submission after another into the gradebook, feedback and a table
"""
