"""Runs a command on a terminal of its own and answers its question.

Arguments: the answer (with \\n, \\x03 and so on spelled out), then the command. Prints what the
terminal showed; the exit code is the command's, or 128 and the signal that ended it.
"""

import os
import pty
import sys

answer = sys.argv[1].encode().decode("unicode_escape").encode()
command = sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execv(command[0], command)
shown = b""
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:  # Linux says EIO when the other side is closed.
        break
    if not more:
        break
    shown += more
    if answer and shown.endswith((b"to continue: ", b"[y/N] ")):
        os.write(terminal, answer)
        answer = b""
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
code = os.waitstatus_to_exitcode(status)
sys.exit(code if code >= 0 else 128 - code)
