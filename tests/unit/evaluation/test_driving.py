"""The product's clusterer as evaluation drives it."""

import numpy as np

from rushes.processors.evaluation.driving import calibrated
from rushes.processors.evaluation.embedders import Synthetic
from rushes.processors.evaluation.footage import all_facts
from rushes.processors.evaluation.layouts import cast
from rushes.processors.evaluation.material import Material, arrival_orders
from rushes.processors.evaluation.metrics import bcubed

MODEL = Synthetic("any", 64, same=0.7)


def test_a_founder_that_waits_counts_under_the_id_that_it_founds():
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    material = Material(vectors, np.array([0, 0, 1]))
    (order,) = arrival_orders(material, 1)
    made = calibrated()(material, order)
    assert bcubed(made.arrival, material.labels).f1 == 1.0
    assert made.arrival[0] == made.arrival[1] == made.final[0]
    assert made.arrival[2] == made.final[2] == -1
    assert made.revised == 0


def test_labels_come_back_in_the_materials_order_whatever_the_arrival():
    material = cast(MODEL, np.random.default_rng(0))
    for order in arrival_orders(material, 4):
        made = calibrated()(material, order)
        assert bcubed(made.final, material.labels).f1 > 0.95
        assert bcubed(made.arrival, material.labels).f1 > 0.8


def test_no_cluster_ever_told_holds_two_of_a_frame_and_no_tracklet_is_torn():
    material = all_facts(MODEL, np.random.default_rng(1))
    for order in arrival_orders(material, 3):
        made = calibrated()(material, order)
        for told in (made.final, made.arrival):
            for frame in np.unique(material.frames):
                inside = told[(material.frames == frame) & (told >= 0)]
                assert len(set(inside.tolist())) == len(inside)
        for tracklet in np.unique(material.tracklets[material.tracklets >= 0]):
            assert len(set(made.final[material.tracklets == tracklet].tolist())) == 1


def test_the_same_order_gives_the_same_answer():
    material = all_facts(MODEL, np.random.default_rng(2))
    (order,) = arrival_orders(material, 1)
    first, second = calibrated()(material, order), calibrated()(material, order)
    assert np.array_equal(first.final, second.final)
    assert np.array_equal(first.arrival, second.arrival)
