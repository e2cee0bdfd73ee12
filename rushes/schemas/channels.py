"""The channels between producers, stages and consumers, by the names their topics have by default."""

from enum import StrEnum


class Channel(StrEnum):
    """Where an output goes. Topic names are settings; these are not."""

    MEDIA_UPLOADED = "media-uploaded"
    MEDIA_UPLOADED_BULK = "media-uploaded.bulk"
    FRAMES = "frames"
    FRAMES_BULK = "frames.bulk"
    LIBRARY_LOG = "embeddings"
    FEEDBACK = "feedback"
    CLUSTER_ASSIGNED = "cluster-assigned"
    CLUSTERS = "clusters"
    MEDIA_STATUS = "media-status"
    MODEL_UPDATED = "model-updated"
    DEAD_LETTERS = "dead-letters"
    PLACEMENTS = "library-placements"
