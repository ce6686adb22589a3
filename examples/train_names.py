"""Trains the default model, invents names, and goes on with the model later: ten lines of Python."""

import tempfile
from pathlib import Path

import microgpt

model = microgpt.train("names", steps=200, on_step=lambda step: step.number % 50 or print(step.number, step.loss))
print(model.sample(5))
print(model.sample(5, prefix="mar", temperature=0.8, top_p=0.9, min_length=4, seed=7))

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "names.safetensors")
    model.save(path)
    again = microgpt.load(path)
assert again.parameters == model.parameters
print(f"perplexity of emma: {again.perplexity('emma'):.2f}, of xqzt: {again.perplexity('xqzt'):.2f}")
