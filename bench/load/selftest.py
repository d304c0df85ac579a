# SPDX-License-Identifier: Apache-2.0
"""Do the measuring programs see what goes wrong? usage: selftest.py LOAD UPSTREAM

A benchmark that overlooks failures flatters whoever fails. Here a scripted server gives wrong answers
and the load generator must name each fault; and the mock provider must answer requests in any cut.
"""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
import unittest
import zlib

LOAD, UPSTREAM = sys.argv[1:3]

JSON_ANSWER = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}'
CONTENT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
DELTA = b'event: content_block_delta\ndata: {"delta":{"text":"a"}}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
DONE = b"data: [DONE]\n\n"


def sized(body, status=b"200 OK", length=None):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, length or len(body), body)


def chunked(*events):
    chunks = b"".join(b"%x;x=1\r\n%s\r\n" % (len(e), e) for e in events)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nx-trailer: 1\r\n\r\n"


class Scripted:
    """Answers every request with the same bytes."""

    def __init__(self, answer, close=False, step=None, delay=None):
        self.answer, self.close, self.step, self.delay = answer, close, step, delay
        self.count = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            peer, _ = self.listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        try:
            with peer, peer.makefile("rb") as lines:
                while self.take_request(lines):
                    self.send(peer)
                    if self.close:
                        return
        except OSError:
            pass

    @staticmethod
    def take_request(lines):
        length = 0
        while (line := lines.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        return line and len(lines.read(length)) == length

    def send(self, peer):
        self.count += 1
        if self.delay:
            time.sleep(self.delay(self.count))
        step = self.step or len(self.answer) or 1
        for i in range(0, len(self.answer), step):
            peer.sendall(self.answer[i : i + step])


def load(port, *options):
    command = [LOAD, "--to", str(port), "--conns", "2", "--calls", "4", "--warmup", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout)


class Judging(unittest.TestCase):
    """What load makes of an answer."""

    def good(self, answer, *options, **server):
        code, figures = load(Scripted(answer, **server).port, *options)
        self.assertEqual((code, figures["errors"]), (0, 0), figures["first_error"])
        self.assertGreaterEqual(figures["calls"], 4)
        return figures

    def bad(self, fault, answer, *options, **server):
        code, figures = load(Scripted(answer, **server).port, *options)
        self.assertEqual(code, 1)
        self.assertEqual(list(figures["faults"]), [fault])
        self.assertGreaterEqual(figures["faults"][fault], 4)

    def test_good_json(self):
        self.good(sized(JSON_ANSWER))
        self.good(chunked(JSON_ANSWER[:9], JSON_ANSWER[9:]))

    def test_every_byte_alone(self):
        self.good(sized(JSON_ANSWER), step=1)
        stream = chunked(ROLE, CONTENT, CONTENT[:20], CONTENT[20:] + DONE)
        figures = self.good(stream, "--stream", "--expect-events", "2", step=1)
        self.assertEqual(figures["events"] % 2, 0)

    def test_until_close(self):
        self.good(b"HTTP/1.1 200 OK\r\n\r\n" + JSON_ANSWER, close=True)

    def test_closed_after_each_answer(self):
        self.good(sized(JSON_ANSWER), close=True)

    def test_status(self):
        self.bad("status", sized(b"{}", b"503 No"))

    def test_truncated(self):
        self.bad("framing", sized(JSON_ANSWER, length=500), close=True)
        self.bad("framing", chunked(CONTENT, DONE)[:-7], "--stream", close=True)

    def test_not_http(self):
        self.bad("framing", b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    def test_wrong_body(self):
        self.bad("unended", sized(b'{"ok":true}'))

    def test_no_done(self):
        self.bad("unended", chunked(CONTENT), "--stream")
        self.bad("unended", chunked(DELTA), "--stream", "--dialect", "anthropic")

    def test_responses(self):
        delta = b'event: response.output_text.delta\ndata: {"delta":"a"}\n\n'
        stop = b'event: response.completed\ndata: {"response":{}}\n\n'
        self.good(chunked(delta, delta, stop), "--stream", "--dialect", "responses", "--expect-events", "2")
        self.bad("unended", chunked(delta), "--stream", "--dialect", "responses")
        whole = b'{"status":"completed","output":[],"instructions":"%s"}' % (b"x" * 20000)
        self.good(sized(whole), "--dialect", "responses")
        self.bad("unended", sized(whole.replace(b"completed", b"incomplete")), "--dialect", "responses")

    def test_lost_event(self):
        self.bad("events", chunked(CONTENT, DONE), "--stream", "--expect-events", "2")
        options = ("--stream", "--dialect", "anthropic", "--expect-events")
        self.bad("events", chunked(DELTA, STOP), *options, "2")
        self.good(chunked(DELTA, STOP), *options, "1")

    def test_silence(self):
        self.bad("timeout", b"", "--timeout", "0.2")

    def test_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        code, figures = load(port)
        self.assertEqual((code, list(figures["faults"])), (1, ["connect"]))

    def test_a_stall_delays_every_call_due(self):
        """Open loop: one pause of 0.4 s on one connection at 100 calls a second is seen by some 40."""
        stall = Scripted(sized(JSON_ANSWER), delay=lambda n: 0.4 if n == 50 else 0)
        command = [LOAD, "--to", str(stall.port), "--conns", "1", "--rate", "100", "--seconds", "2", "--warmup", "0"]
        figures = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        self.assertEqual(figures["calls"], 200)
        self.assertGreater(figures["latency_us"]["p90"], 100_000)
        self.assertLess(figures["latency_us"]["p50"], 100_000)


class Prompts(unittest.TestCase):
    def test_exact_and_valid(self):
        for dialect in ("openai", "anthropic", "responses"):
            for size in (1000, 9000, 100_000, 1_000_000):
                command = [LOAD, "--dump", "--stream", "--dialect", dialect, "--size", str(size)]
                head, _, body = subprocess.run(command, capture_output=True, check=True).stdout.partition(b"\r\n\r\n")
                self.assertEqual(len(body), size)
                self.assertIn(b"Content-Length: %d" % size, head)
                parsed = json.loads(body)
                self.assertTrue(parsed["stream"] and parsed["tools"] and (parsed.get("messages") or parsed["input"]))
                self.assertTrue(b"\\n" in body and b'\\"' in body and any(c > 127 for c in body))


class Mock(unittest.TestCase):
    """The mock provider."""

    @classmethod
    def setUpClass(cls):
        cls.process = subprocess.Popen([UPSTREAM, "--threads", "2"], stdout=subprocess.PIPE, text=True)
        cls.port = int(cls.process.stdout.readline().rsplit(":", 1)[1])

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.wait()
        cls.process.stdout.close()

    def ask(self, path, body, chunks=False):
        peer = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = iter([body[:7], body[7:]]) if chunks else body
        peer.request("POST", path, sent, {"content-type": "application/json"}, encode_chunked=chunks)
        answer = peer.getresponse()
        result = answer.status, answer.read().decode("latin-1" if "eventstream" in answer.headers["content-type"] else "utf-8")
        peer.close()
        return result

    def test_any_cut(self):
        body = b'{"model":"x/bench-burst-3","messages":[],"stream" : true}'
        request = b"POST /v1/messages HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(len(request)):
                s.sendall(request[i : i + 1])
            text = b""
            while not text.endswith(b"0\r\n\r\n"):
                text += s.recv(65536)
        self.assertEqual(text.count(b"event: content_block_delta"), 3)
        self.assertEqual(text.count(b"event: message_stop"), 1)

    def test_large_bodies(self):
        """Model first, stream last, up to 32 MB of text between, by length and chunked."""
        for size in (1 << 10, 100 << 10, 32 << 20):
            filling = b"\\n".join([b"x" * 1022] * (size // 1024 - 1))
            body = b'{"model":"bench-burst-4","messages":[{"content":"' + filling + b'"}],"stream":true}'
            for chunks in (False, True):
                status, text = self.ask("/v1/chat/completions", body, chunks)
                self.assertEqual(status, 200)
                self.assertEqual(text.count('"finish_reason":"stop"'), 1)
                self.assertEqual(text.count("data: "), 1 + 4 + 2)

    def test_quoted_keys_are_not_keys(self):
        text = json.dumps({"messages": [{"content": '"model":"bench-error-500","stream":true'}], "model": "bench-json"})
        status, answer = self.ask("/v1/chat/completions", text.encode())
        self.assertEqual((status, json.loads(answer)["object"]), (200, "chat.completion"))

    def test_usage_only_when_asked(self):
        plain = b'{"model":"bench-burst-2","stream":true}'
        asked = b'{"model":"bench-burst-2","stream":true,"stream_options":{"include_usage":true}}'
        self.assertNotIn("usage", self.ask("/v1/chat/completions", plain)[1])
        self.assertIn('"choices":[],"usage":{"prompt', self.ask("/v1/chat/completions", asked)[1])

    def test_gemini(self):
        models = "/v1beta/models/bench-burst-3"
        whole = json.loads(self.ask(f"{models}:generateContent", b"{}")[1])
        self.assertEqual(whole["candidates"][0]["finishReason"], "STOP")
        text = self.ask(f"{models}:streamGenerateContent?alt=sse", b"{}")[1]
        events = [json.loads(e[6:]) for e in text.strip().split("\r\n\r\n")]
        self.assertEqual([e["candidates"][0].get("finishReason") for e in events], [None] * 3 + ["STOP"])
        self.assertTrue(all(e["usageMetadata"]["totalTokenCount"] for e in events))

    def messages(self, data):
        """AWS's event stream, with its checksums: [(event type, payload)]."""
        found = []
        while data:
            total, headers = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
            self.assertEqual(zlib.crc32(data[:8]), int.from_bytes(data[8:12], "big"))
            self.assertEqual(zlib.crc32(data[: total - 4]), int.from_bytes(data[total - 4 : total], "big"))
            name = data[12 : 12 + headers].split(b":event-type\x07\x00")[1]
            found.append((name[1 : 1 + name[0]].decode(), json.loads(data[12 + headers : total - 4])))
            data = data[total:]
        return found

    def test_converse(self):
        self.assertEqual(json.loads(self.ask("/model/bench-json/converse", b"{}")[1])["stopReason"], "end_turn")
        for model in ("bench-burst-3", "bench-paced-3-20ms"):
            data = self.ask(f"/model/{model}/converse-stream", b"{}")[1].encode("latin-1")
            names = ["messageStart"] + ["contentBlockDelta"] * 3 + ["contentBlockStop", "messageStop", "metadata"]
            self.assertEqual([name for name, _ in self.messages(data)], names)

    def test_errors_and_statistics(self):
        self.assertEqual(self.ask("/v1/messages", b'{"model":"bench-error-529"}')[0], 529)
        self.assertIn('"input_tokens"', self.ask("/v1/messages/count_tokens", b"{}")[1])
        before = json.loads(self.ask("/bench/stats", b"")[1])
        self.ask("/v1/messages", b'{"model":"bench-json"}')
        after = json.loads(self.ask("/bench/stats", b"")[1])
        self.assertEqual(after["calls"] - before["calls"], 1)

    def test_paced_events_carry_their_time(self):
        options = ("--stream", "--model", "bench-paced-5-20ms", "--expect-events", "5", "--dialect", "anthropic")
        code, figures = load(self.port, *options)
        self.assertEqual((code, figures["errors"]), (0, 0))
        self.assertGreater(figures["event_us"]["n"], 10)
        self.assertLess(figures["event_us"]["p50"], 20_000)
        self.assertGreater(figures["latency_us"]["p50"], 60_000)

    def test_endless_streams(self):
        command = [LOAD, "--to", str(self.port), "--hold", "--stream", "--model", "bench-hold-100ms"]
        command += ["--conns", "50", "--seconds", "1"]
        figures = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        self.assertEqual(figures["ready"], 50)
        self.assertAlmostEqual(figures["events"], 500, delta=100)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
