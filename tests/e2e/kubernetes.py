"""As much of a Kubernetes cluster as a run launcher speaks to, on loopback: jobs are accepted if they are valid
manifests, and the command of their only container is run as a process, with the variables that the job names.
"""

import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import kubernetes_validate
import yaml

#: Version whose published schemas manifests are held against.
VERSION = "1.29"


class Kubernetes:
    """A cluster of one node.

    Parameters
    ----------
    folder : of the logs of its pods, and of the file by which clients find it
    secrets, config_maps : variables by name of the secret or the map
    mounts : folder of the machine by path in the container, for what a container mounts
    """

    def __init__(self, folder, secrets, config_maps, mounts):
        self.folder, self.variables, self.mounts = folder, {**secrets, **config_maps}, mounts
        self.jobs, self.pods = {}, {}
        outer = self

        class Api(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                try:
                    self.answer(201, outer.create(body))
                except Exception as exc:  # what a cluster answers to a manifest that it does not take
                    self.answer(422, {"kind": "Status", "status": "Failure", "message": str(exc)})

            def do_GET(self):
                parts = self.path.partition("?")[0].split("/")
                if "jobs" in parts and len(parts) > parts.index("jobs") + 1:
                    self.answer(200, outer.status(parts[parts.index("jobs") + 1]))
                else:
                    self.answer(200, {"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []})

            def do_DELETE(self):
                outer.pods[self.path.partition("?")[0].rpartition("/")[2]].terminate()
                self.answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})

            def answer(self, code, body):
                data = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
        self.kubeconfig = folder / "kubeconfig.yaml"
        named = {"name": "local"}
        self.kubeconfig.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1", "kind": "Config", "current-context": "local", "users": [{**named, "user": {}}],
                    "clusters": [
                        {**named, "cluster": {"server": "http://{}:{}".format(*self.server.server_address)}}
                    ],
                    "contexts": [{**named, "context": {"cluster": "local", "user": "local"}}],
                }
            )
        )  # fmt: skip

    def __enter__(self):
        Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        for pod in self.pods.values():
            pod.kill()

    def create(self, job):
        name = job["metadata"]["name"]
        kubernetes_validate.validate({"apiVersion": "batch/v1", "kind": "Job", **job}, VERSION, strict=True)
        [container] = job["spec"]["template"]["spec"]["containers"]
        environment = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        for source in container.get("envFrom", []):
            [kind] = source
            environment |= self.variables[source[kind]["name"]]
        environment |= {one["name"]: one["value"] for one in container["env"] if "value" in one}
        # A mounted folder is another one here: paths in it are those of the machine.
        for mount in container["volumeMounts"]:
            if (there := self.mounts.get(mount["mountPath"])) is not None:
                moved = {k: v.replace(mount["mountPath"], str(there)) for k, v in environment.items()}
                environment = moved
        program, *arguments = container["args"]
        with (self.folder / f"{name}.log").open("w") as log:
            self.pods[name] = subprocess.Popen(
                [Path(sys.executable).with_name(program), *arguments], cwd=Path.cwd(), env=environment, stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.jobs[name] = job
        return self.status(name)

    def status(self, name):
        code = self.pods[name].poll()
        state = {"active": 1} if code is None else {"succeeded": 1} if code == 0 else {"failed": 1}
        return {"apiVersion": "batch/v1", "kind": "Job", **self.jobs[name], "status": state}
