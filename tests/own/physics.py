"""What the pendulum's file imports from beside it."""

from microgpt import sin


def acceleration(angle, speed, length, damping):
    return -9.81 / length * sin(angle) - damping * speed
