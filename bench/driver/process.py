"""Reads what /proc says about a process."""
import os

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")


def _times(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    # After the name: state is field 0, so utime stime cutime cstime are 11 to 14.
    return [int(fields[i]) for i in range(11, 15)], int(fields[1])


def processor_us(pid):
    """Returns the processor time of all its threads."""
    times, _ = _times(pid)
    return (times[0] + times[1]) * TICK_US


def family_processor_us(pid):
    """Returns the processor time of a process and its children, those that ended included."""
    times, _ = _times(pid)
    total = sum(times)
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            child, parent = _times(entry)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == pid:
            total += child[0] + child[1]
    return total * TICK_US


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0
