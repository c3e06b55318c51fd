"""Images are made by a task of ours: the builder that taskgraph names has to be pulled from a registry."""

from taskgraph.transforms.base import TransformSequence

transforms = TransformSequence()


@transforms.add
def use_own_builder(config, tasks):
    for task in tasks:
        task["worker"]["docker-image"] = "docker-worker/taskgraph:latest"
        task["worker"]["command"] = ["build-image"]
        yield task
