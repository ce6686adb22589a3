"""Two moons, told apart by a small network: the demo of micrograd, trained by `microgpt.fit`.

``python docs/examples/moons.py`` prints losses and accuracy; with the path of a file, it draws what was learned.
"""

import math
import random
import sys

import microgpt

random.seed(1337)

POINTS, HIDDEN, STEPS, ALPHA = 100, 16, 100, 1e-4


def moon(number):
    """A point near the upper moon, labelled 1, or near the lower one, labelled -1."""
    angle, upper = math.pi * random.random(), number % 2
    x, y = (math.cos(angle), math.sin(angle)) if upper else (1 - math.cos(angle), 0.5 - math.sin(angle))
    return [x + random.gauss(0, 0.1), y + random.gauss(0, 0.1)], 1 if upper else -1


def layer(inputs, outputs):
    return {"w": [[random.uniform(-1, 1) for _ in range(inputs)] for _ in range(outputs)], "b": [0.0] * outputs}


def score(layers, point):
    """What the network says of a point: above 0 for the upper moon."""
    values = point
    for number, layer in enumerate(layers):
        rows = zip(layer["w"], layer["b"], strict=True)
        values = [sum((w * x for w, x in zip(row, values, strict=True)), bias) for row, bias in rows]
        if number < len(layers) - 1:
            values = [value.relu() for value in values]
    return values[0]


def loss(layers, point, label):
    """The hinge loss: 0 where the score has the sign of the label and is at least 1."""
    return (1 - label * score(layers, point)).relu()


def penalty(layers):
    """Keeps the weights small."""
    return ALPHA * sum(w * w for layer in layers for w in [*(w for row in layer["w"] for w in row), *layer["b"]])


examples = [moon(number) for number in range(POINTS)]
layers = [layer(2, HIDDEN), layer(HIDDEN, HIDDEN), layer(HIDDEN, 1)]


def trained(steps):
    """All points at every step; the learning rate falls from 1 to 0.1."""
    optimizer = microgpt.sgd(lambda step: 1.0 - 0.9 * step / STEPS)
    return microgpt.fit(loss, layers, examples, penalty=penalty, optimizer=optimizer, steps=steps)


def main():
    found = trained(STEPS)
    predict = microgpt.compile(score, layers, [0.0, 0.0], gradient=False)
    right = sum(label * predict(found.weights, point) > 0 for point, label in examples)
    for step in (0, 10, 20, 50, STEPS - 1):
        print(f"step {step:3d}  loss {found.losses[step]:.4f}")
    print(f"accuracy {right / POINTS:.0%}")
    if len(sys.argv) > 1:
        from moons_picture import draw

        stages = {steps: trained(steps).weights for steps in (0, 5, 20)} | {STEPS: found.weights}
        scores = {steps: lambda x, y, weights=weights: predict(weights, [x, y]) for steps, weights in stages.items()}
        with open(sys.argv[1], "w", encoding="utf-8", newline="\n") as file:
            file.write(draw(examples, scores, f"loss {found.losses[-1]:.4f}, accuracy {right / POINTS:.0%}"))


if __name__ == "__main__":
    main()
