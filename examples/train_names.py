"""Trains the default model, invents names, and keeps the model: ten lines of Python."""

import microgpt

model = microgpt.train("names", steps=1000)
print(f"the last 100 losses: {sum(model.losses[-100:]) / 100:.4f} on average")
print(model.sample(5))
print(model.sample(5, prefix="mar", temperature=0.8, top_p=0.9, min_length=4, seed=7))
model.save("names.safetensors")
again = microgpt.load("names.safetensors")
print(f"perplexity of emma: {again.perplexity('emma'):.2f}, of xqzt: {again.perplexity('xqzt'):.2f}")
