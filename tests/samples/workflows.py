"""Checks workflows: their form, pinned actions, least permissions, and the syntax of each script."""

import re
import subprocess
import sys

import yaml


def check(condition, message):
    if not condition:
        sys.exit(message)


def check_step(place, step):
    kinds = [kind for kind in ("run", "uses") if kind in step]
    check(len(kinds) == 1, f"{place}: a step has either `run` or `uses`: {step}")
    unknown = set(step) - {"name", "id", "if", "env", "with", "run", "uses", "working-directory", "shell"}
    check(not unknown, f"{place}: unknown keys {sorted(unknown)}")
    if "uses" in step:
        # Only the actions of GitHub itself, by version.
        check(re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]), f"{place}: {step['uses']}")
        return
    # A value of the event inside a script would run as a part of it.
    check("${{" not in step["run"], f"{place}: pass values by `env`: {step['run']}")
    subprocess.run(["bash", "-n", "-c", step["run"]], check=True)


def check_workflow(path):
    with open(path, encoding="utf-8") as file:
        workflow = yaml.safe_load(file)
    # YAML 1.1 reads the key `on` as true.
    check(set(workflow) <= {"name", True, "permissions", "concurrency", "jobs"}, f"{path}: {set(workflow)}")
    check(workflow["permissions"] == {"contents": "read"}, f"{path}: permissions")
    jobs = workflow["jobs"]
    for name, job in jobs.items():
        place = f"{path}, job {name}"
        check("runs-on" in job and "timeout-minutes" in job, f"{place}: runs-on, timeout-minutes")
        needs = job.get("needs", [])
        for needed in [needs] if isinstance(needs, str) else needs:
            check(needed in jobs, f"{place}: needs the unknown job {needed}")
        for step in job["steps"]:
            check_step(place, step)
            for word in step.get("run", "").split():
                if word.startswith(("packaging/", ".ci/")):
                    print(word)


for argument in sys.argv[1:]:
    check_workflow(argument)
