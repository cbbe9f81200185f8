"""Reference programs: a simulator with the numbers of the scene filled in, or the closed form of a shuttle.

They are texts, and run where programs of a policy run.
"""

from __future__ import annotations

from rlvr_gym.envs.bouncing.families import Shuttle
from rlvr_gym.envs.bouncing.scene import Scene

_SIMULATOR = '''\
import math

GRAVITY = {gravity}
# Containers: number of walls, radius, path (x, y, ax, wx, px, ay, wy, py), turn (angle, rate, swing, pace).
BOXES = [
{boxes}
]
# Balls: container, radius, corners (0: a disc), turn, (x, y, vx, vy).
BALLS = [
{balls}
]


def turned(turn, t):
    angle, rate, swing, pace = turn
    return angle + rate * t + swing / pace * (1 - math.cos(pace * t)), rate + swing * math.sin(pace * t)


def bound_of(box, ball, state):
    """No gap between this ball and a wall has a second derivative below minus this, for half a second."""
    (x, y, ax, wx, px, ay, wy, py), (_, rate, swing, pace) = box[2], box[3]
    _, spin, change, beat = ball[3]
    turn, own = abs(rate) + abs(swing), abs(spin) + abs(change) if ball[2] else 0
    later = state[2] + GRAVITY[0] / 2, state[3] + GRAVITY[1] / 2
    speed = max(math.hypot(*state[2:]), math.hypot(*later)) + math.hypot(ax * wx, ay * wy) + ball[1] * own
    fall = math.hypot(*GRAVITY) + math.hypot(ax * wx * wx, ay * wy * wy)
    fall += ball[1] * (own * own + abs(change * beat)) if ball[2] else 0
    return fall + 2 * turn * speed + (turn * turn + abs(swing * pace)) * box[1]


def walls(box, ball, state, t):
    """For each wall and each point of the ball that can touch it: gap, its rate, direction outwards."""
    n, radius, (cx, cy, ax, wx, px, ay, wy, py), turn = box
    angle, rate = turned(turn, t)
    own, spin = turned(ball[3], t)
    cx, cy = cx + ax * math.sin(wx * t + px), cy + ay * math.sin(wy * t + py)
    cvx, cvy = ax * wx * math.cos(wx * t + px), ay * wy * math.cos(wy * t + py)
    x, y, vx, vy = state
    corners = [own + 2 * math.pi * j / ball[2] for j in range(ball[2])]
    points = [(ball[1] * math.cos(a), ball[1] * math.sin(a), spin) for a in corners]
    for i in range(n):
        a = angle + (2 * i + 1) * math.pi / n
        ux, uy = math.cos(a), math.sin(a)
        for qx, qy, turns in points or [(ball[1] * ux, ball[1] * uy, 0)]:
            dx, dy = x + qx - cx, y + qy - cy
            rx, ry = vx - turns * qy - cvx + rate * dy, vy + turns * qx - cvy - rate * dx
            yield radius * math.cos(math.pi / n) - dx * ux - dy * uy, -rx * ux - ry * uy, ux, uy


def safe(gap, rate, bound):
    """A gap cannot close before this time has passed."""
    root = math.sqrt(max(rate * rate + 2 * bound * gap, 0))
    if rate < 0:
        return 2 * max(gap, 0) / (root - rate)
    return (rate + root) / bound if bound else math.inf


def run(number, end):
    """The balls of one container at the time `end`."""
    box = BOXES[number]
    balls = [ball for ball in BALLS if ball[0] == number]
    states = [list(ball[4]) for ball in balls]
    t = 0.0
    while t < end:
        step, hit = min(end - t, 0.5), None
        for k, ball in enumerate(balls):
            bound = bound_of(box, ball, states[k])
            for gap, rate, ux, uy in walls(box, ball, states[k], t):
                near = safe(gap, rate, bound)
                if near < step:
                    step, hit = near, (rate, ux, uy, k, None)
            for j in range(k):
                (x, y, vx, vy), (ox, oy, ovx, ovy) = states[k], states[j]
                far = math.hypot(ox - x, oy - y)
                ux, uy = (ox - x) / far, (oy - y) / far
                rate = (ovx - vx) * ux + (ovy - vy) * uy
                near = safe(far - ball[1] - balls[j][1], rate, 0)
                if near < step:
                    step, hit = near, (rate, ux, uy, k, j)
        if hit and hit[0] < 0 and step < 1e-12:
            rate, ux, uy, k, j = hit
            share = 2 if j is None else 1
            states[k][2] += share * rate * ux
            states[k][3] += share * rate * uy
            if j is not None:
                states[j][2] -= rate * ux
                states[j][3] -= rate * uy
            continue
        step = max(step, 1e-12)
        for state in states:
            for axis in (0, 1):
                state[axis] += (state[axis + 2] + GRAVITY[axis] * step / 2) * step
                state[axis + 2] += GRAVITY[axis] * step
        t += step
    return [state[:2] for state in states]


def predict_position(t):
    return [place for number in range(len(BOXES)) for place in run(number, t)]
'''

_SHUTTLE = """\
import math

# In the time of one flight both polygons turn by a whole number of sides. So the ball meets every wall in its middle
# and at a right angle, where the wall moves along itself: it flies to and fro on one line for ever.
BEGIN = {inner} * math.cos(math.pi / {sides}) + {radius}
DISTANCE = ({outer} - {inner}) * math.cos(math.pi / {sides}) - 2 * {radius}


def predict_position(t):
    along = math.fmod({speed} * t, 2 * DISTANCE)
    out = BEGIN + min(along, 2 * DISTANCE - along)
    return [[{x} + {ux} * out, {y} + {uy} * out]]
"""


def simulator_of(scene: Scene) -> str:
    """A program that simulates a scene without inner polygons.

    Example:
        >>> from rlvr_gym.envs.bouncing.scene import Ball, Box
        >>> "BALLS = [" in simulator_of(Scene((Box(4, 100.0),), (Ball(0, 10.0, 0.0, 0.0, 30.0, 0.0),)))
        True
    """
    boxes = [(box.sides, box.radius, tuple(box.path), tuple(box.turn)) for box in scene.boxes]
    balls = [
        (ball.box, ball.radius, ball.sides, tuple(ball.turn), (ball.x, ball.y, ball.vx, ball.vy))
        for ball in scene.balls
    ]
    return _SIMULATOR.format(
        gravity=(scene.gx, scene.gy),
        boxes="\n".join(f"    {box}," for box in boxes),
        balls="\n".join(f"    {ball}," for ball in balls),
    )


def closed_form_of(shuttle: Shuttle) -> str:
    """A program that knows where the ball of a shuttle is at any time.

    Example:
        >>> "fmod" in closed_form_of(Shuttle(4, 200.0, 80.0, 15.0, 100.0, 1, 0.0, 0.0, 0))
        True
    """
    ux, uy = shuttle.direction
    numbers = {name: getattr(shuttle, name) for name in ("sides", "outer", "inner", "radius", "speed", "x", "y")}
    return _SHUTTLE.format(**numbers, ux=ux, uy=uy)
