"""Running the program csyft, and small NPY files, with nothing but Python's own library."""
import os
import pathlib
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

PROGRAM = os.environ["CSYFT_PROGRAM"]
SOURCE_DIR = pathlib.Path(os.environ["CSYFT_SOURCE_DIR"])
PATIENCE = 20  # seconds for what takes milliseconds, on a busy machine under a sanitizer


def csyft(*arguments, timeout=PATIENCE, **options):
    """Runs the program to its end; the result has returncode, stdout, stderr."""
    command = [PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)


def read_line(stream, deadline):
    """One line of a process's output, '' at its end."""
    left = deadline - time.monotonic()
    if left <= 0 or not select.select([stream], [], [], left)[0]:
        raise AssertionError("no line within the deadline")
    return stream.readline().decode()


class Worker:
    """A running `csyft worker`; urls[k] is what its k-th listener said."""

    def __init__(self, name, *arguments, listen=("tcp://127.0.0.1:0",), limits=None):
        command = [PROGRAM, "worker", "--id", name, *map(str, arguments)]
        for url in listen:
            command += ["--listen", url]
        self.log = tempfile.TemporaryFile()
        # Unbuffered, so that select sees every line that is there.
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, bufsize=0,
                                        preexec_fn=limits and (lambda: resource.setrlimit(*limits)))
        self.urls = []
        deadline = time.monotonic() + PATIENCE
        for _ in listen:
            line = read_line(self.process.stdout, deadline)
            if not line.startswith("listening on "):
                self.stop(signal.SIGKILL)
                raise AssertionError(f"worker {name} said {line!r}: {self.errors()}")
            self.urls.append(line.split()[-1])

    @property
    def url(self):
        return self.urls[0]

    def errors(self):
        # Not read(): the worker writes at the same offset.
        return os.pread(self.log.fileno(), 1 << 20, 0).decode()

    def stop(self, number=signal.SIGTERM):
        """Sends the signal; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.process.stdout.close()
        return code


class CliTest(unittest.TestCase):
    """Assertions on runs of the program, and a folder for files."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="csyft-test-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def start(self, *arguments, **options):
        """A worker that must end well when the test ends, if it does not end before."""
        worker = Worker(*arguments, **options)
        self.addCleanup(worker.log.close)
        self.addCleanup(lambda: self.assertEqual(worker.stop(), 0, worker.errors()))
        return worker

    def succeed(self, *arguments, **options):
        """Runs the program; it must succeed in silence. Returns its output without the last newline."""
        result = csyft(*arguments, **options)
        self.assertEqual((result.returncode, result.stderr), (0, ""), arguments)
        return result.stdout.removesuffix("\n")

    def fail_with(self, code, sentence, *arguments, **options):
        """Runs the program; it must fail with the code and say the sentence, a regular expression."""
        result = csyft(*arguments, **options)
        self.assertEqual(result.returncode, code, (arguments, result.stdout, result.stderr))
        self.assertRegex(result.stderr, sentence, arguments)
        self.assertEqual(result.stdout, "", arguments)
        if code == 1:
            self.assertEqual(result.stderr.count("\n"), 1, f"one line: {result.stderr}")
        return result.stderr

    def write_npy(self, name, *arguments):
        path = self.folder / name
        path.write_bytes(npy(*arguments))
        return path


FORMATS = {"<f4": "f", "<f8": "d", "|i1": "b", "<i2": "h", "<i4": "i", "<i8": "q", "|u1": "B", "|b1": "?"}


def npy(descr, shape, values):
    """An NPY file as NumPy writes it (numpy/lib/format.py), version 1.0."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)!r}, }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    body = struct.pack(f"<{len(values)}{FORMATS[descr]}", *values)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + body


def read_npy(path):
    """(descr, shape, values) of an NPY file of version 1.0."""
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<H", data[8:10])[0]
    header = eval(data[10 : 10 + length], {"__builtins__": {}})
    body = data[10 + length :]
    count = len(body) // struct.calcsize(FORMATS[header["descr"]])
    return header["descr"], header["shape"], list(struct.unpack(f"<{count}{FORMATS[header['descr']]}", body))


def free_port():
    """A port on loopback where nobody listens (at the moment)."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
