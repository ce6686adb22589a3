"""A user's file: a pendulum, integrated step by step, whose length and damping are to be fitted."""

from physics import acceleration

import microgpt

STEPS = 12
measured = [0.5 - 0.012 * step for step in range(STEPS)]


def simulate(length, damping):
    angle, speed = 0.5, 0.0
    path = []
    for _ in range(STEPS):
        speed = speed + 0.05 * acceleration(angle, speed, length, damping)
        angle = angle + 0.05 * speed
        path.append(angle)
    return path


def misfit(length, damping):
    errors = [(angle - seen) ** 2 for angle, seen in zip(simulate(length, damping), measured, strict=True)]
    return sum(errors) / len(errors)


misfit_example = (1.0, 0.1)


def choice(table, place):
    chosen = microgpt.select(table, place)
    return chosen * chosen + 0.5 * sum(table)


compiled = microgpt.compile(choice, [0.5, -1.5, 2.5], microgpt.index(3), progress=False)

print("this file prints something when it is imported")


def without_example(x):
    return x * x


number = 3
