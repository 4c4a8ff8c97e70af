"""The end inside the sandbox: takes cells over a pipe, runs them, sends outputs back.

It gets one line of JSON a cell, ``{"source", "seconds", "word"}``, and answers with
one, ``{"outputs", "word"}``, in the notebook format. It imports nothing of the grader:
this file alone is shown to the sandbox. ``sandbox`` starts it and does not trust what
it says beyond its form.

    python inside.py LIMITS    LIMITS: JSON with memory, processes, file, uid
"""

import json
import os
import resource
import signal
import sys

TEXT_LIMIT = 50_000  # characters of one output
PICTURE_LIMIT = 1_000_000  # characters of one picture in base64
RICH_LIMIT = 5_000_000  # characters of a cell's pictures and values together
SHOWN = ("text/plain", "image/png")  # nothing that a browser would run


class TimeLimit(BaseException):
    """The time for one cell is over. Not an Exception: ``except`` rarely stops it."""


def confine(limits):
    """Take away rights for good: limits of the process, and root if it is root."""
    for name, value in (
        (resource.RLIMIT_DATA, limits["memory"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(name)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(name, (value, value))
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # if the machine runs short, this goes first
    except OSError:
        pass
    if os.getuid() == 0 and limits["uid"]:
        os.setgroups([])
        os.setresgid(limits["uid"], limits["uid"], limits["uid"])
        os.setresuid(limits["uid"], limits["uid"], limits["uid"])


def make_shell():
    """IPython without files of its own, which keeps the traceback of a failed cell."""
    from IPython.core.interactiveshell import InteractiveShell

    class Shell(InteractiveShell):
        def _showtraceback(self, etype, evalue, stb):
            self.failure = [etype.__name__, str(evalue)[:TEXT_LIMIT], list(stb)]

        def enable_gui(self, gui=None):
            pass

    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False  # no file
    shell = Shell.instance(config=config)
    shell.ask_exit = lambda: None  # exit() ends nothing
    return shell


def run(shell, source, seconds):
    """Run one cell and give its outputs."""
    from IPython.utils.capture import capture_output

    def too_long(number, frame):
        raise TimeLimit(f"this cell ran for more than {seconds:g} seconds")

    shell.failure = None
    succeeded = False
    signal.signal(signal.SIGALRM, too_long)
    # Again every second, in case the first was caught.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        with capture_output() as captured:
            succeeded = shell.run_cell(source, store_history=False).success
    except TimeLimit as error:
        shell.failure = ["TimeLimit", str(error), [f"TimeLimit: {error}"]]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    outputs = []
    # One stream: a warning on stderr is no failure.
    text = captured.stdout + captured.stderr
    if text:
        outputs.append({"output_type": "stream", "name": "stdout", "text": cut(text)})
    room = RICH_LIMIT
    for rich in captured.outputs[:50]:
        data = {
            kind: cut(value) if kind == "text/plain" else value
            for kind, value in rich.data.items()
            if kind in SHOWN and isinstance(value, str) and len(value) < PICTURE_LIMIT
        }
        room -= sum(map(len, data.values()))
        if data and room > 0:
            outputs.append({"output_type": "display_data", "data": data})
    if not succeeded:
        name, value, lines = shell.failure or ["Error", "the cell failed", []]
        outputs.append(
            {
                "output_type": "error",
                "ename": name,
                "evalue": cut(value),
                "traceback": [cut("\n".join(lines))],
            }
        )
    return outputs


def cut(text):
    """A text, or its two ends."""
    if len(text) <= TEXT_LIMIT:
        return text
    half = TEXT_LIMIT // 2
    return f"{text[:half]}\n... ({len(text)} characters) ...\n{text[-half:]}"


def main():
    # The pipe moves away from where print and C code write.
    asked = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    confine(json.loads(sys.argv[1]))
    sys.argv = ["notebook"]
    shell = make_shell()
    me = os.getpid()
    for line in asked:
        cell = json.loads(line)
        outputs = run(shell, cell["source"], cell["seconds"])
        if os.getpid() != me:
            os._exit(0)  # a copy that the cell made does not answer
        answers.write(json.dumps({"outputs": outputs, "word": cell["word"]}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
