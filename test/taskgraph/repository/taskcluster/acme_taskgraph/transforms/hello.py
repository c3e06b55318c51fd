from taskgraph.transforms.base import TransformSequence

transforms = TransformSequence()


@transforms.add
def name_the_noun(config, tasks):
    for task in tasks:
        noun = task.pop("noun").capitalize()
        task["description"] = f"Greets: {noun}"
        task.setdefault("worker", {}).setdefault("env", {})["NOUN"] = noun
        yield task
