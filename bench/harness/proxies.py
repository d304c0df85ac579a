# SPDX-License-Identifier: Apache-2.0
"""The mock provider and what stands before it: nginx, HAProxy, weir, or nothing.

Each is started on free ports of the loopback with its files in a directory of its own, and ended by
its process id. They are also told to end when this program dies (setpriv --pdeathsig), so that even a
`kill -9` leaves nothing running.
"""

import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

import tools

READY_SECONDS = 10
STOP_SECONDS = 5
LEASH = ["setpriv", "--pdeathsig", "TERM"]


class Server:
    """A child process that listens."""

    name = "?"

    def __init__(self, directory):
        self.dir = pathlib.Path(directory) / self.name
        self.process = None
        self.port = self.stream_port = None
        self.command = None

    def prepare(self):
        """Write the files, choose the ports and set self.command."""
        raise NotImplementedError

    def spawn(self, leash=True):
        log = open(self.dir / "output.log", "ab")  # pylint: disable=consider-using-with
        env = dict(os.environ, WEIR_DATA=str(self.dir))
        self.process = subprocess.Popen(
            (LEASH if leash else []) + self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env
        )
        log.close()

    def start(self):
        self.dir.mkdir(parents=True, exist_ok=True)
        self.prepare()
        self.spawn()
        self.wait_ready()
        return self

    def wait_ready(self, pause=0.01):
        """Until a chat call is answered with 200."""
        end = time.monotonic() + READY_SECONDS
        while not self.answers():
            if self.process.poll() is not None:
                raise tools.BenchError(f"{self.name} ended at once:\n{self.output()}")
            if time.monotonic() > end:
                raise tools.BenchError(f"{self.name} does not answer:\n{self.output()}")
            time.sleep(pause)

    def answers(self):
        body = b'{"model":"oai/bench-json","messages":[{"role":"user","content":"hi"}]}'
        head = {"content-type": "application/json", "authorization": f"Bearer {tools.KEY}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/chat/completions", body, head)
        try:
            with urllib.request.urlopen(request, timeout=READY_SECONDS) as answer:
                return b"finish_reason" in answer.read()
        except urllib.error.HTTPError as e:
            raise tools.BenchError(f"{self.name} answered {e.code}: {e.read()[:500]!r}") from e
        except OSError:
            return False

    def output(self):
        log = self.dir / "output.log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    def empty_log(self):
        """The access log of millions of calls must not fill the disk, nor its write-back disturb the
        next measurement. The file was opened for appending, so it goes on from its start."""
        os.truncate(self.dir / "output.log", 0)

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                for pid in reversed(tools.descendants(self.process.pid)):
                    os.kill(pid, signal.SIGKILL)
                self.process.wait()
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    @property
    def pids(self):
        return [self.process.pid]

    def port_for(self, stream):
        return self.stream_port if stream and self.stream_port else self.port


class Upstream(Server):
    """The mock provider."""

    name = "upstream"

    def __init__(self, directory, port=0):
        super().__init__(directory)
        self.port = port or tools.free_ports(1)[0]

    def prepare(self):
        self.command = [str(tools.UPSTREAM), "--listen", f"127.0.0.1:{self.port}"]


class Direct:
    """No proxy at all: what the client and the mock alone take."""

    name = "direct"
    pids = ()

    def __init__(self, upstream):
        self.upstream = upstream

    def port_for(self, _stream):
        return self.upstream.port

    def restart(self):
        pass

    def empty_log(self):
        pass

    def stop(self):
        pass


class Proxy(Server):
    """A proxy before the mock."""

    template = "?"
    ports = 1

    def __init__(self, directory, upstream, workers):
        super().__init__(directory)
        self.upstream = upstream
        self.workers = workers
        self.port, self.stream_port = (tools.free_ports(2) + [None])[:2]
        self.config = self.dir / self.template

    def prepare(self):
        words = {
            "port": self.port,
            "streamport": self.stream_port,
            "upstream": self.upstream.port,
            "workers": self.workers,
            "dir": self.dir,
            "key": tools.KEY,
        }
        self.config.write_text(tools.fill(self.template, words))
        self.command = self.make_command()

    def make_command(self):
        raise NotImplementedError


class Nginx(Proxy):
    name = "nginx"
    template = "nginx.conf"

    def make_command(self):
        return [tools.program("nginx"), "-c", str(self.config), "-p", str(self.dir)]


class Haproxy(Proxy):
    name = "haproxy"
    template = "haproxy.cfg"

    def __init__(self, directory, upstream, workers):
        super().__init__(directory, upstream, workers)
        self.stream_port = None

    def make_command(self):
        return [tools.program("haproxy"), "-db", "-f", str(self.config)]


class Weir(Proxy):
    name = "weir"
    template = "weir.yaml"

    def __init__(self, directory, upstream, workers, binary, name=None):
        self.name = name or self.name
        self.binary = binary
        super().__init__(directory, upstream, workers)
        self.stream_port = None

    def make_command(self):
        return [str(self.binary), "serve", "--config", str(self.config)]


class Attached:
    """A server that someone else started and will end."""

    def __init__(self, name, port, pid):
        self.name, self.port, self.pids = name, port, [pid]

    def port_for(self, _stream):
        return self.port

    def restart(self):
        pass

    def empty_log(self):
        pass

    def stop(self):
        pass


NOTHING = Attached("nothing", 0, 0)
NOTHING.pids = []
