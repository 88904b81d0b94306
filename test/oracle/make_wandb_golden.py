"""What W&B's own client reads from a run that src/training/trackers/wandb.ts wrote: goldens/wandb.json.

Usage, from the repository root, once with each of two environments (pip install wandb==0.21.0; pip install wandb==0.31.0):
    python test/oracle/make_wandb_golden.py
Version 0.21 has a Python reader of the log (DataStore), whose records are kept in full; `wandb sync` of either version uploads
the run to a small server here, and what the server got is kept: rows, configuration, summary, exit codes. Fails where the two
versions do not agree, or where the bytes are others than those that the other version read.
"""
import glob
import gzip
import hashlib
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading

import wandb
from google.protobuf.json_format import MessageToDict
from wandb.proto import wandb_internal_pb2

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
GOLDEN = os.path.join(ROOT, "test", "oracle", "goldens", "wandb.json")


def read_records(path):
    from wandb.sdk.internal.datastore import DataStore

    store = DataStore()
    store.open_for_scan(path)
    records = []
    while (data := store.scan_data()) is not None:
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        fields = MessageToDict(record, preserving_proto_field_name=True)
        if "output_raw" in fields:
            fields["output_raw"]["line"] = {"sha256": hashlib.sha256(record.output_raw.line.encode()).hexdigest()}
        records.append(fields)
    return records


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests = []
    # Lines of the run's files, as the server keeps them: a client says from which line on it writes.
    files = {}

    def log_message(self, *_):
        pass

    def do_POST(self):
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        try:
            body = json.loads(data)
        except ValueError:
            body = {}
        Server.requests.append((self.path, body))
        for name, part in body.get("files", {}).items() if isinstance(body, dict) and "content" in str(body.get("files")) else ():
            lines = Server.files.setdefault(name, [])
            lines[part["offset"] : part["offset"] + len(part["content"])] = part["content"]
        answer = json.dumps(self.answer(body) if self.path == "/graphql" else {}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_GET = do_POST

    def answer(self, body):
        query, given = body.get("query", ""), body.get("variables") or {}
        if "upsertBucket" in query:
            project = {"id": "1", "name": given["project"], "entity": {"id": "1", "name": given["entity"]}}
            bucket = {"id": "1", "name": given["name"], "displayName": given.get("displayName"), "config": "{}"}
            return {"data": {"upsertBucket": {"bucket": {**bucket, "project": project, "historyLineCount": 0}, "inserted": True}}}
        if "RunResumeStatus" in query:
            rows = Server.files.get("wandb-history.jsonl", [])
            if not rows:
                return {"data": {"model": {"id": "1", "name": "example", "entity": {"id": "1", "name": "team"}, "bucket": None}}}
            bucket = {"id": "1", "name": given["name"], "displayName": "first run", "config": "{}", "tags": [], "notes": None}
            counts = {"historyLineCount": len(rows), "logLineCount": 0, "eventsLineCount": 0}
            tails = {"historyTail": json.dumps(rows[-1:]), "eventsTail": "[]", "wandbConfig": '{"t": {}}'}
            bucket.update(counts, **tails, summaryMetrics=Server.files["wandb-summary.json"][0])
            return {"data": {"model": {"id": "1", "name": "example", "entity": {"id": "1", "name": "team"}, "bucket": bucket}}}
        if "createRunFiles" in query:
            files = [{"name": name, "uploadUrl": f"{os.environ['WANDB_BASE_URL']}/upload"} for name in given["files"]]
            return {"data": {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}}
        if "viewer" in query:
            viewer = {"id": "1", "entity": "team", "username": "u", "flags": "{}", "teams": {"edges": []}}
            return {"data": {"viewer": viewer, "serverInfo": {"cliVersionInfo": {}, "features": []}}}
        return {"data": {}}


def sync(parts):
    """What a server has after `wandb sync` of each part, one after the other."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    os.environ.update(WANDB_BASE_URL=address, WANDB_API_KEY="a" * 40)
    synced = []
    Server.files.clear()
    for index, part in enumerate(parts):
        Server.requests.clear()
        command = os.path.join(os.path.dirname(sys.executable), "wandb")
        # Later versions see in the log that the part continues a run.
        append = ["--append"] if index > 0 and wandb.__version__.startswith("0.21.") else []
        subprocess.run([command, "sync", *append, part], check=True, cwd=os.path.dirname(part), stdout=subprocess.DEVNULL)
        streams = [body for path, body in Server.requests if path.endswith("/file_stream")]
        lines = lambda name: [line for body in streams for line in body.get("files", {}).get(name, {}).get("content", [])]
        configs = [json.loads(body["variables"]["config"]) for _, body in Server.requests if "upsertBucket" in body.get("query", "")]
        summary = json.loads(lines("wandb-summary.json")[-1])
        synced.append(
            {
                "place": next(path for path, _ in Server.requests if path.endswith("/file_stream")),
                "config": {name: entry["value"] for name, entry in configs[0].items() if name != "_wandb"},
                # As JSON with names sorted; NaN and infinities stand bare there.
                "history": [json.dumps(json.loads(line), sort_keys=True) for line in lines("wandb-history.jsonl")],
                "summary": {name: value for name, value in summary.items() if name != "_wandb"},
                "exitCode": streams[-1].get("exitcode"),
            }
        )
    server.shutdown()
    rows = [json.loads(line)["_step"] for line in Server.files["wandb-history.jsonl"]]
    return {"parts": synced, "steps": rows}


def main():
    golden = json.load(open(GOLDEN)) if os.path.exists(GOLDEN) else {}
    with tempfile.TemporaryDirectory() as folder:
        example = os.path.join("test", "training", "trackers", "wandb-example.ts")
        done = subprocess.run(["node", "--import", "tsx", example, folder], cwd=ROOT, check=True, capture_output=True, text=True)
        parts = done.stdout.split()
        files = [glob.glob(os.path.join(part, "*.wandb"))[0] for part in parts]
        hashes = [hashlib.sha256(open(file, "rb").read()).hexdigest() for file in files]
        if golden.get("sha256") != hashes:
            golden = {"sha256": hashes, "clients": []}
        if wandb.__version__.startswith("0.21."):
            golden["records"] = [read_records(file) for file in files]
        synced = sync(parts)
    if golden.get("synced", synced) != synced:
        raise SystemExit(f"wandb {wandb.__version__} reads something else than {golden['clients']}:\n{json.dumps(synced)}")
    golden["synced"] = synced
    golden["clients"] = sorted({*golden["clients"], wandb.__version__})
    with open(GOLDEN, "w", encoding="utf-8") as file:
        json.dump(golden, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


main()
