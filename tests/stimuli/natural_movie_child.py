"""Compute the template of a movie with AllenSDK and save it as arrays; run by the Python of AllenSDK's environment."""

import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
from allensdk.brain_observatory.behavior.behavior_project_cache.project_apis.data_io import (  # noqa: E402
    NaturalMovieOneCache,
)


class LocalMovieCache(NaturalMovieOneCache):
    """A movie cache that reads a local file instead of downloading."""

    def __init__(self, path):
        self.path = path

    def get_raw_movie(self):
        return np.load(self.path)


if __name__ == "__main__":
    movie, target = sys.argv[1:3]
    frame = LocalMovieCache(movie).get_processed_template_movie(n_workers=2)
    saved = {f"{column}/{row}": values for column in frame for row, values in enumerate(frame[column])}
    np.savez(
        target, columns=list(frame.columns), index=frame.index.to_numpy(), names=[frame.index.name, frame.name], **saved
    )
