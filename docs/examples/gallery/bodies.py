"""Bodies that attract each other: their energy, the forces on them, and where these change."""

import random

from microgpt import compile, hessian, sqrt

COUNT = 20
rng = random.Random(5)
masses = tuple(rng.uniform(0.5, 2) for _ in range(COUNT))


def square(vector):
    return sum(x * x for x in vector)


def distance(p, q):
    """A little more than it is, so that bodies may pass through each other."""
    return sqrt(square([a - b for a, b in zip(p, q)]) + 1e-4)


def kinetic(velocities):
    return sum(0.5 * mass * square(velocity) for mass, velocity in zip(masses, velocities))


def potential(positions):
    pairs = ((i, j) for i in range(COUNT) for j in range(i))
    return -sum(masses[i] * masses[j] / distance(positions[i], positions[j]) for i, j in pairs)


def energy(positions, velocities):
    return kinetic(velocities) + potential(positions)


positions = [[rng.uniform(-1, 1) for _ in range(3)] for _ in range(COUNT)]
velocities = [[rng.gauss(0, 0.1) for _ in range(3)] for _ in range(COUNT)]
energy_example = positions, velocities
potential_example = (positions,)


def main():
    value, (slopes, _) = compile(energy, *energy_example)(*energy_example)
    curvature = hessian(potential, positions)(positions)
    print(f"energy: {value:.12f}; force on the first body along x: {-slopes[0][0]:.9f}")
    print(f"and how that changes as the second body moves along x: {-curvature[0][0][1][0]:.9f}")


if __name__ == "__main__":
    main()
