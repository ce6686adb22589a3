"""A run that is cut short and goes on: the bits are those of a run that nobody disturbed."""

import tempfile

import microgpt

options = {"data": ["anna", "bob", "hannah", "otto"], "steps": 60, "n_embd": 8, "n_head": 2, "block_size": 8}


def pull_the_plug(step):
    if step.number == 40:
        raise KeyboardInterrupt


whole = microgpt.train(**options)
with tempfile.TemporaryDirectory() as folder:
    try:
        microgpt.train(**options, out=folder, save_every=15, on_step=pull_the_plug)
    except KeyboardInterrupt:
        print("stopped after step 40; the last checkpoint is of step 30")
    resumed = microgpt.train(**options, out=folder, save_every=15, resume=True)

print(f"went on with step {resumed.steps[0].number}")
assert resumed.parameters == whole.parameters
assert resumed.losses == whole.losses[30:]
assert resumed.sample(5) == whole.sample(5)
print("the same parameters, losses and samples")
