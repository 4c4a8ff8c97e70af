"""A submission's process: what it sees, what it can reach, and how it ends."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from classroom import calls, course, sandbox
from classroom.sandbox import Limits, Sandbox, Stopped

from gaea_mini.errors import InputError

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("box")]
SMALL = Limits(cell=2, notebook=40, memory=700, disk=8)


@pytest.fixture(scope="module")
def one(box: None) -> Iterator[Sandbox]:
    """A sandbox that outlives well-behaved cells."""
    os.environ["GAEA_SECRET"] = "secret-of-the-grader"
    with Sandbox(Limits(cell=20, notebook=120, memory=700, disk=8)) as opened:
        yield opened
    del os.environ["GAEA_SECRET"]


def text(outputs: list[dict[str, Any]]) -> str:
    """What a cell printed; fails if it raised."""
    assert not [o for o in outputs if o["output_type"] == "error"], outputs
    return "".join(o.get("text", "") for o in outputs)


def raised(outputs: list[dict[str, Any]]) -> str:
    (error,) = [o for o in outputs if o["output_type"] == "error"]
    return f"{error['ename']}: {error['evalue']}"


# ------------------------------------------------------------------- it runs cells


def test_cells_share_names_and_show_text_pictures_and_errors(one: Sandbox) -> None:
    assert one.run("a = 20") == []
    assert "41" in text(one.run("import sys\nprint(2 * a + 1, file=sys.stderr)"))
    assert raised(one.run("1 / 0")) == "ZeroDivisionError: division by zero"
    assert raised(one.run("def f(:")).startswith("SyntaxError")
    assert raised(one.run("import sys; sys.exit(0)")).startswith("SystemExit")
    shown = one.run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);")
    assert "image/png" in shown[-1]["data"]
    assert "20" in text(one.run("print(a)")), "an error must not end the notebook"


def test_html_and_scripts_do_not_come_out(one: Sandbox) -> None:
    made = one.run("from IPython.display import HTML, display\ndisplay(HTML('<b>'))")
    assert [list(output["data"]) for output in made] == [["text/plain"]]


# ---------------------------------------------------------------------- it sees little


def test_neither_files_nor_environment_of_the_grader(
    one: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "gradebook.db").write_text("grades")
    home = Path.home() / ".bashrc"
    places = [tmp_path / "gradebook.db", course.sources(), course.ROOT / "tests", home]
    places += [course.ROOT / ".git", course.ROOT / "tools" / "grade.py"]
    asked = f"import os\nfor p in {list(map(str, places))}: print(os.path.exists(p))"
    assert text(one.run(asked)).split() == ["False"] * len(places)
    seen = (
        text(one.run("print(dict(os.environ), open('/proc/1/environ').read())"))
        if (os.getuid() != 0)
        else text(one.run("print(dict(os.environ))"))
    )
    assert "secret-of-the-grader" not in seen and str(course.ROOT) not in seen


def test_no_process_of_others_and_no_rights(one: Sandbox) -> None:
    listed = "print(sum(name.isdigit() for name in os.listdir('/proc')))"
    assert int(text(one.run(f"import os\n{listed}"))) <= 2
    status = text(one.run("print(open('/proc/self/status').read())"))
    rights = [line for line in status.splitlines() if line.startswith("CapEff")]
    assert int(rights[0].split()[1], 16) == 0, "no capability is left"
    assert raised(one.run("os.setuid(0)")).startswith("PermissionError") or (
        os.getuid() != 0  # then it is 0 to itself only, without any right
    )


def test_no_network(one: Sandbox) -> None:
    cell = "import socket\nsocket.create_connection(('{}', {}), timeout=2)"
    listener = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import socket, time\ns = socket.create_server("
            "('127.0.0.1', 0))\nprint(s.getsockname()[1], flush=True)\ntime.sleep(30)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert listener.stdout is not None
    with listener:
        port = listener.stdout.readline().strip()
        assert "refused" in raised(one.run(cell.format("127.0.0.1", port)))
        assert "unreachable" in raised(one.run(cell.format("192.0.2.1", 80)))
        listener.kill()


@pytest.mark.parametrize("place", ["/x", "/usr/x", "/etc/x", "/dev/x", "/grader/x"])
def test_nothing_can_be_written_but_a_little_scratch(one: Sandbox, place: str) -> None:
    assert raised(one.run(f"open({place!r}, 'w')")).startswith(
        ("OSError: [Errno 30]", "PermissionError")
    )


def test_disk_is_limited(one: Sandbox) -> None:
    cell = (
        "for n in range(100):\n"
        "    with open(f'/tmp/{n}', 'wb') as file: file.write(bytes(10**6))"
    )
    assert "No space left" in raised(one.run(cell))
    one.run("import glob\nfor name in glob.glob('/tmp/*'): os.remove(name)")


def test_memory_of_one_process_is_limited(one: Sandbox) -> None:
    assert raised(one.run("x = bytearray(2 * 10**9)")).startswith("MemoryError")


CALLS = {
    "memory that is nobody's": "os.memfd_create('x')",
    "a user name space": "refused(libc.unshare(0x10000000))",
    "a child in a user name space": "refused(libc.syscall(CLONE, 0x10000011, 0))",
    "a segment of memory": "refused(libc.shmget(0, 4096, 0o1600))",
    "the machine around this one": "socket.socket(socket.AF_VSOCK)",
    "the kernel's own sockets": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "keys of the session": "refused(libc.syscall(KEYCTL, 0, -3, 0))",
}


@pytest.mark.skipif(calls.program() is None, reason="no filter for this machine")
@pytest.mark.parametrize("name", CALLS)
def test_what_leads_around_the_walls_is_refused(one: Sandbox, name: str) -> None:
    _, numbers = calls.MACHINES[platform.machine()]
    one.run(
        "import ctypes, os, socket\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"CLONE, KEYCTL = {numbers['clone']}, {numbers['keyctl']}\n"
        "def refused(answer):\n    if answer == -1:\n"
        "        raise OSError(ctypes.get_errno(), 'refused')\n    os._exit(0)"
    )
    assert raised(one.run(CALLS[name])).startswith(("OSError", "PermissionError"))
    # What answers need is still there.
    cell = "import subprocess, threading\nthreading.Thread(target=int).start()\n"
    cell += "one, two = socket.socketpair()\none.send(b'x')\n"
    cell += "print(subprocess.run(['echo', 'ok'], capture_output=True).stdout)"
    assert "ok" in text(one.run(cell))


def test_every_machine_has_a_filter_of_its_own_or_none() -> None:
    made = {name: calls.program(name) for name in calls.MACHINES}
    assert len(set(made.values())) == len(made) and None not in made.values()
    assert all(len(program or b"") % 8 == 0 for program in made.values())
    assert calls.program("pdp11") is None


def test_what_comes_out_is_taken_in_part_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = "x" * 10**6
    error = {"output_type": "error", "ename": "E", "evalue": "", "traceback": [lines]}
    assert len(sandbox.checked(error)["traceback"][0]) == sandbox.MOST_TEXT
    picture = '"><script>alert(1)</script>'
    for given in (picture, "A" * 10**6):
        shown = {"output_type": "display_data", "data": {"image/png": given}}
        assert sandbox.checked(shown)["data"] == {}
    shown = {"output_type": "display_data", "data": {"image/png": "iVBORw0=\n"}}
    assert sandbox.checked(shown)["data"] == {"image/png": "iVBORw0=\n"}

    def forged(self: Sandbox, line: bytes, seconds: float) -> bytes:
        outputs = [{"output_type": "stream", "text": "x"}] * 1000
        return json.dumps({**json.loads(line), "outputs": outputs}).encode()

    monkeypatch.setattr(Sandbox, "_exchange", forged)
    with Sandbox(SMALL) as opened:
        assert len(opened.run("1")) == sandbox.MOST_OUTPUTS


# ------------------------------------------------------------------------- it ends

ENDS = {
    "os._exit": ("import os; os._exit(0)", "ended"),
    "a crash": ("import ctypes; ctypes.string_at(0)", "ended"),
    "a kill": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended"),
    "a fork bomb": (
        "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n"
        "        pass",
        "processes",
    ),
    "memory in many processes": (
        "import os, time\nfor _ in range(3): os.fork()\n"
        "x = bytearray(b'1' * 2 * 10**8)\ntime.sleep(25)",
        "memory",
    ),
    "a loop that cannot be interrupted": (
        "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
        "while True: pass",
        "not end in time",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_a_process_that_goes_too_far_is_ended(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "GRACE", 1.0)
    cell, why = ENDS[name]
    # The others are ended for what they do, however slow the machine is.
    limits = SMALL if "loop" in name else replace(SMALL, cell=30)
    began = time.monotonic()
    with Sandbox(limits) as opened, pytest.raises(Stopped, match=why):
        opened.run(cell)
    assert time.monotonic() - began < 30
    with pytest.raises(Stopped):
        opened.run("1")


def test_when_the_machine_runs_short_of_memory_it_may_be_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Sandbox(SMALL) as opened:
        opened.run("1")
        monkeypatch.setattr(sandbox, "RESERVE", 2**60)
        with pytest.raises(sandbox.Disturbed, match="the machine ran short of memory"):
            opened.run("import time; time.sleep(1)")


def test_endless_loops_lose_their_own_cell_only(one: Sandbox) -> None:
    with Sandbox(SMALL) as opened:
        loop = "while True:\n    try:\n        while True: pass\n"
        catch = "    except Exception:\n        pass"
        assert raised(opened.run(loop + catch)).startswith("TimeLimit")
        assert "still here" in text(opened.run("print('still here')"))


def test_all_cells_together_may_write_only_so_much() -> None:
    cell = (
        "from IPython.display import display\nfor _ in range(50): display('x' * 40_000)"
    )
    with Sandbox(replace(SMALL, cell=20)) as opened:
        for _ in range(7):
            assert len(opened.run(cell)) == 50
        with pytest.raises(Stopped, match="16 MiB of output"):
            for _ in range(3):
                opened.run(cell)


def test_a_copy_that_a_cell_made_does_not_answer_for_it(one: Sandbox) -> None:
    cell = "import os, time\nif os.fork() > 0:\n    time.sleep(1)\n    print('first')"
    assert "first" in text(one.run(cell)), "the copy is sooner at the end"
    assert "7" in text(one.run("print(3 + 4)"))


def test_every_sandbox_has_a_user_of_its_own(one: Sandbox) -> None:
    """Processes are counted for a user: else a fork bomb takes them from the next."""
    if os.getuid() != 0:
        pytest.skip("only root can take another user")
    asked = "import os; print(os.getuid())"
    with Sandbox(SMALL) as other:
        here, there = text(one.run(asked)), text(other.run(asked))
    assert here != there and {int(here), int(there)} <= set(sandbox.UIDS)


def test_the_whole_notebook_has_a_time_too() -> None:
    with Sandbox(Limits(cell=5, notebook=2)) as opened:
        opened.run("import time; time.sleep(4)")
        with pytest.raises(Stopped, match="used up"):
            opened.run("1")


def test_nothing_is_left_running() -> None:
    marker = f"sleep-{os.getpid()}-{time.monotonic_ns()}"
    with Sandbox(SMALL) as opened:
        opened.run(
            "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', "
            f"'import time; time.sleep(60)', {marker!r}], start_new_session=True)"
        )
    end = time.monotonic() + 5
    while time.monotonic() < end and marker in processes():
        time.sleep(0.1)
    assert marker not in processes()


def processes() -> str:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(
                path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
        except OSError:
            pass
    return "\n".join(lines)


# ------------------------------------------------------------------- without one


def test_without_bubblewrap_nothing_is_graded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="no sandbox.*apt install bubblewrap"):
        sandbox.require([])


def test_a_bubblewrap_that_may_not_work_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an ordinary user's on Ubuntu 24.04, or one in a container."""
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'uid map: denied' >&2; exit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(InputError, match=r"may not make one here \(uid map: denied\)"):
        sandbox.require([])


def test_a_course_where_submissions_can_read_is_refused() -> None:
    with pytest.raises(InputError, match="which submissions can read"):
        sandbox.require([Path(sys.prefix) / "course"])
