"""System calls that a submission may not make: a filter that the kernel keeps.

Name spaces and limits leave gaps. Memory in a ``memfd`` or in a segment of System V
belongs to no process, so nobody counts it; whoever makes a user name space of his own
is root in it and may mount as large a file system as he likes; a virtual machine is
reached through sockets that no network name space divides; and keys of the grader's
session lie in the kernel. The filter refuses what leads there, and nothing else.

It is a program for the kernel's packet filter, as ``bwrap --seccomp`` reads it. See
seccomp(2) and linux/bpf_common.h for what its words mean.
"""

from __future__ import annotations

import errno
import platform
import struct

# Load a word; go on if equal, larger or equal, if a bit is set; return.
LOAD, EQUAL, LARGER, BITS, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16  # places in struct seccomp_data
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000  # the last with an errno

# By the kernel's name of a machine: its number, and those of the calls.
MACHINES = {
    "x86_64": (
        0xC000003E,
        {
            "memfd_create": 319,
            "memfd_secret": 447,
            "shmget": 29,
            "msgget": 68,
            "unshare": 272,
            "keyctl": 250,
            "add_key": 248,
            "request_key": 249,
            "io_uring_setup": 425,
            "clone3": 435,
            "clone": 56,
            "socket": 41,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "memfd_create": 279,
            "memfd_secret": 447,
            "shmget": 194,
            "msgget": 186,
            "unshare": 97,
            "keyctl": 219,
            "add_key": 217,
            "request_key": 218,
            "io_uring_setup": 425,
            "clone3": 435,
            "clone": 220,
            "socket": 198,
        },
    ),
}
OTHER_NUMBERS = 0x40000000  # of x86_64: the same calls for programs with short pointers
USER_NAME_SPACE = 0x10000000  # among the flags of clone
FAMILIES = (1, 2, 10)  # of sockets: local, IPv4, IPv6


def program(machine: str | None = None) -> bytes | None:
    """The filter for a machine, by default this one; None if none is known for it."""
    known = MACHINES.get(machine or platform.machine())
    if known is None:
        return None
    architecture, numbers = known
    words = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        (LARGER, 0, 1, OTHER_NUMBERS),
        (RETURN, 0, 0, REFUSE | errno.ENOSYS),
    ]
    for name, number in numbers.items():
        if name == "clone":
            answers = [
                (LOAD, 0, 0, FIRST_ARGUMENT),
                (BITS, 0, 1, USER_NAME_SPACE),
                (RETURN, 0, 0, REFUSE | errno.EPERM),
                (RETURN, 0, 0, ALLOW),
            ]
        elif name == "socket":
            answers = [(LOAD, 0, 0, FIRST_ARGUMENT)]
            for family in FAMILIES:
                answers += [(EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW)]
            answers += [(RETURN, 0, 0, REFUSE | errno.EAFNOSUPPORT)]
        else:
            # As in a kernel that does not have it: libraries know what to do then. Of
            # clone3 no filter can read the flags, and clone is used in its place.
            answers = [(RETURN, 0, 0, REFUSE | errno.ENOSYS)]
        words += [(EQUAL, 0, len(answers), number), *answers]
    words += [(RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *word) for word in words)
