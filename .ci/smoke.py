# SPDX-License-Identifier: Apache-2.0
"""Runs a shipped bootstrap as a user would, `func-e run -c FILE`, and sends it real traffic.

The one check with fixed ports: the file is used as it is. ENVOY_PATH may name the binary for func-e.
"""

import http.client
import http.server
import os
import re
import subprocess
import sys
import threading
import time

PRIMARY, SHADOW, LISTENER, ADMIN = 8081, 8082, 10000, 9901
REQUESTS = 20
PATIENCE = 60


def upstream(port, seen):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            seen.append((self.headers.get("host"), self.headers.get("x-shadow-mirror"), body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def ask(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, body)
    response = connection.getresponse()
    return response.status, response.read().decode()


def await_true(what, condition):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"not within {PATIENCE} s: {what}")


def metric(name):
    text = ask(ADMIN, "GET", "/stats/prometheus")[1]
    found = re.search(rf"^{re.escape(name)} (\d+)$", text, re.MULTILINE)
    return int(found.group(1)) if found else None


def main(bootstrap):
    primary, shadow = [], []
    upstream(PRIMARY, primary)
    upstream(SHADOW, shadow)
    command = ["func-e", "run", "-c", bootstrap, "--use-dynamic-base-id"]
    with open("target/smoke.log", "w") as log:
        envoy = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
        )
    try:
        await_true("Envoy is ready", lambda: envoy.poll() is not None or ask(ADMIN, "GET", "/ready")[0] == 200)
        for number in range(REQUESTS):
            status, _ = ask(LISTENER, "POST", f"/{number}", f"body {number}")
            assert status == 200, status
        await_true("every copy has arrived", lambda: len(shadow) == REQUESTS)
        bodies = sorted(body for _, _, body in shadow)
        assert bodies == sorted(body for _, _, body in primary), bodies
        assert {host for host, _, _ in shadow} == {"127.0.0.1-shadow:10000"}, shadow[0]
        assert {marker for _, marker, _ in shadow} == {"v2"}, shadow[0]
        await_true("Prometheus has the count", lambda: metric('shadow_sent_total{mirror="v2"}') == REQUESTS)
        ask(ADMIN, "POST", "/quitquitquit")
        envoy.wait(timeout=PATIENCE)
        print(f"{' '.join(command)}: {REQUESTS} requests answered, copied and counted")
    except BaseException:
        with open("target/smoke.log") as log:
            print("".join(log.readlines()[-40:]), file=sys.stderr)
        raise
    finally:
        if envoy.poll() is None:
            os.killpg(envoy.pid, 9)


main(sys.argv[1])
