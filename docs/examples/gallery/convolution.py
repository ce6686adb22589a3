"""A small convolutional net: four kernels over an image, the largest of every 2 x 2, a linear layer, cross-entropy."""

import random

from microgpt import compile, constant_maximum, exp, index, log, maximum, relu, select

SIZE, SIDE, CLASSES = 8, 3, 10
GRID = range(SIZE - SIDE + 1)


def convolve(image, kernel, bias):
    window = [(u, v) for u in range(SIDE) for v in range(SIDE)]
    return [[relu(sum(kernel[u][v] * image[i + u][j + v] for u, v in window) + bias) for j in GRID] for i in GRID]


def pool(grid):
    return [
        maximum(grid[i][j], grid[i][j + 1], grid[i + 1][j], grid[i + 1][j + 1]) for i in GRID[::2] for j in GRID[::2]
    ]


def cross_entropy(scores, label):
    """Minus the logarithm of the label's share; exp never overflows, since the largest is taken out."""
    largest = constant_maximum(scores)
    return log(sum(exp(score - largest) for score in scores)) + largest - select(scores, label)


def loss(kernels, offsets, weights, biases, image, label):
    features = [value for kernel, offset in zip(kernels, offsets) for value in pool(convolve(image, kernel, offset))]
    scores = [sum(w * f for w, f in zip(row, features)) + bias for row, bias in zip(weights, biases)]
    return cross_entropy(scores, label)


def uniform(rng, count, bound):
    return [rng.uniform(-bound, bound) for _ in range(count)]


rng = random.Random(11)
image = [[rng.random() for _ in range(SIZE)] for _ in range(SIZE)]
kernels = [[uniform(rng, SIDE, 0.5) for _ in range(SIDE)] for _ in range(4)]
weights = [uniform(rng, 36, 0.3) for _ in range(CLASSES)]
parameters = kernels, [0.0] * 4, weights, [0.0] * CLASSES
loss_example = *parameters, image, index(CLASSES)


def main():
    trained = compile(loss, *loss_example, wrt=("kernels", "offsets", "weights", "biases"))
    for label in (3, 7):
        value, (*_, in_biases) = trained(*parameters, image, label)
        print(f"loss if it is a {label}: {value:.12f}; in its bias: {in_biases[label]:.12f}")


if __name__ == "__main__":
    main()
