"""Colour bars as FFmpeg's generators make them, and slates drawn as production makes them."""

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

BARS = ("smptebars", "smptehdbars", "pal75bars", "pal100bars")


def color_bars(kind: str, width: int = 640, height: int = 360) -> Picture:
    """(height, width, 3) RGB."""
    graph = av.filter.Graph()
    source = graph.add(kind, f"size={width}x{height}:rate=1:duration=1")
    sink = graph.add("buffersink")
    source.link_to(sink)
    graph.configure()
    return graph.pull().to_ndarray(format="rgb24")


def clapper(seed: int, background: Picture) -> Picture:
    """A clapper board held before a place: its size, place, turn, perspective, wear and writing go by the seed."""
    rng = np.random.default_rng(seed)
    board = _clapper_front(rng)
    height, width = background.shape[:2]
    share = rng.uniform(0.35, 0.75)
    target_w, target_h = share * width, share * width * board.shape[0] / board.shape[1]
    left = rng.uniform(0.02, 0.98 - share) * width
    top = rng.uniform(0.02, max(0.03, 0.9 - target_h / height)) * height
    corners = np.add(np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (target_w, target_h), (left, top))
    corners += rng.uniform(-0.04, 0.04, (4, 2)) * target_w
    turn = np.deg2rad(rng.uniform(-12, 12))
    middle = corners.mean(axis=0)
    corners = (corners - middle) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + middle
    source = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (board.shape[1], board.shape[0])
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), corners.astype(np.float32))
    size = (width, height)
    mask = cv2.warpPerspective(np.full(board.shape[:2], 255, np.uint8), matrix, size, flags=cv2.INTER_AREA)
    front = cv2.warpPerspective(board, matrix, size, flags=cv2.INTER_AREA)
    shot = np.where(mask[..., None] > 127, front, background).astype(np.float64)
    shot = cv2.GaussianBlur(shot, (0, 0), rng.uniform(0.3, 1.2)) * rng.uniform(0.7, 1.0)
    return np.clip(shot + rng.normal(0, rng.uniform(0, 5), shot.shape), 0, 255).astype(np.uint8)


def _clapper_front(rng: np.random.Generator) -> Picture:
    width, height, stick = 480, 360, int(rng.integers(40, 64))
    ground, ink = ((25, 25, 28), (235, 235, 235)) if rng.random() < 0.5 else ((235, 235, 230), (20, 20, 25))
    board = np.full((height, width, 3), ground, np.uint8)
    stripes = int(rng.integers(5, 8))
    step = width / stripes
    slant = rng.uniform(0.5, 1.1) * stick * rng.choice((-1, 1))
    for offset, way in ((0, 1), (stick, -1)):
        board[offset : offset + stick] = 15
        for number in range(-1, stripes + 2):
            x = number * step
            corners = [(x, 0), (x + step / 2, 0), (x + step / 2 + way * slant, stick), (x + way * slant, stick)]
            cv2.fillPoly(board, [np.add(np.array(corners, np.int32), (0, offset))], (240, 240, 240))
        cv2.line(board, (0, offset + stick), (width, offset + stick), (10, 10, 10), 3)
    for row, label in enumerate(
        ("PROD. RUSHES", f"SCENE {rng.integers(1, 99)}  TAKE {rng.integers(1, 9)}", "DIR. A. B.")
    ):
        y = 2 * stick + 60 + row * 75
        cv2.putText(board, label, (24, y), cv2.FONT_HERSHEY_DUPLEX, 1.2, ink, 2, cv2.LINE_AA)
        cv2.line(board, (12, y + 18), (width - 12, y + 18), ink, 2)
    return board


def card(seed: int, width: int = 640, height: int = 360) -> Picture:
    """A broadcaster's slate: what the programme is, in white or black writing on a plain ground."""
    rng = np.random.default_rng(seed)
    dark = rng.random() < 0.6
    picture = np.full((height, width, 3), rng.integers(8, 40, 3) if dark else rng.integers(200, 245, 3), np.uint8)
    ink = (235, 235, 235) if dark else (15, 15, 15)
    lines = (
        "PROG: NORTH BY NIGHT",
        f"TITLE: PART {rng.integers(1, 9)}",
        "DATE: 2026-01-09",
        "DUR: 00:58:30:00",
        "AUDIO: ST",
    )
    count = int(rng.integers(3, 6))
    size = rng.uniform(0.7, 1.3)
    for row, line in enumerate(lines[:count]):
        place = (int(0.08 * width), int(height * (row + 1) / (count + 1)))
        cv2.putText(picture, line, place, cv2.FONT_HERSHEY_SIMPLEX, size, ink, 2, cv2.LINE_AA)
    noise = rng.normal(0, 2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)
