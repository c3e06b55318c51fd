#!/usr/bin/env python3
"""Makes an image from the context of a docker-image task and leaves it where taskgraph's image builder does.

What stands after FROM is this container's own file system. RUN is run in it, as root; of the other instructions only
those below are known.
"""

import hashlib
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import tarfile
import urllib.request

WORKSPACE = pathlib.Path("/workspace")
ROOT = WORKSPACE / "root"
CONTEXT = WORKSPACE / "context"
ARCHIVE = WORKSPACE / "archive"
OUT = WORKSPACE / "out"
# What the engine mounts, and what is made here.
NOT_COPIED = ["./proc/*", "./sys/*", "./dev/*", "./workspace", "./builds/worker/checkouts/*"]


def fetch_context():
    root_url = os.environ["TASKCLUSTER_ROOT_URL"]
    task_id = os.environ["CONTEXT_TASK_ID"]
    path = os.environ["CONTEXT_PATH"]
    url = f"{root_url}/api/queue/v1/task/{task_id}/artifacts/{path}"
    print(f"context: {url}", flush=True)
    with urllib.request.urlopen(url) as response, tarfile.open(fileobj=response, mode="r|gz") as context:
        context.extractall(CONTEXT)


def copy_own_files():
    excluded = " ".join(f"--exclude={shlex.quote(path)}" for path in NOT_COPIED)
    ROOT.mkdir()
    shell(f"tar -C / {excluded} --numeric-owner -c . | tar -C {ROOT} --numeric-owner -xp")


def shell(command, **options):
    subprocess.run(["bash", "-euo", "pipefail", "-c", command], check=True, **options)


def instructions():
    text = (CONTEXT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [line.split(None, 1) for line in lines if line and not line.startswith("#")]


def apply(word, rest, config):
    if word == "FROM":
        copy_own_files()
    elif word == "RUN":
        shell(rest, preexec_fn=lambda: (os.chroot(ROOT), os.chdir("/")))
    elif word == "COPY":
        source, target = rest.split()
        destination = ROOT / target.lstrip("/")
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CONTEXT / source, destination)
    elif word == "ENV":
        config["Env"].append(rest)
    elif word == "VOLUME":
        config["Volumes"].update({path: {} for path in rest.split()})
        (ROOT / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif word == "WORKDIR":
        config["WorkingDir"] = rest
    elif word == "CMD":
        config["Cmd"] = json.loads(rest)
    else:
        raise SystemExit(f"this builder knows no {word}")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_archive(config):
    ARCHIVE.mkdir()
    shell(f"tar -C {ROOT} --numeric-owner -cf {ARCHIVE}/layer.tar .")
    image = {
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256(ARCHIVE / "layer.tar")]},
    }
    (ARCHIVE / "config.json").write_text(json.dumps(image))
    tags = [os.environ["IMAGE_NAME"] + ":latest"]
    manifest = [{"Config": "config.json", "RepoTags": tags, "Layers": ["layer.tar"]}]
    (ARCHIVE / "manifest.json").write_text(json.dumps(manifest))


fetch_context()
config = {
    "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    "Labels": {"made-by": "docker-worker/taskgraph"},
    "Volumes": {},
}
for word, rest in instructions():
    print(f"step: {word} {rest}", flush=True)
    apply(word, rest, config)
write_archive(config)
OUT.mkdir(parents=True)
level = os.environ["DOCKER_IMAGE_ZSTD_LEVEL"]
shell(f"tar -C {ARCHIVE} -c manifest.json config.json layer.tar | zstd -q -T0 -{level} -o {OUT}/image.tar.zst")
# Where older versions look for it.
os.link(OUT / "image.tar.zst", WORKSPACE / "image.tar.zst")
print(f"made {OUT}/image.tar.zst: {os.path.getsize(OUT / 'image.tar.zst')} bytes")
