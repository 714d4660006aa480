"""Run by AllenSDK's own Python: makes the template of a movie and saves it as plain arrays."""

import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")
from allensdk.brain_observatory.behavior.behavior_project_cache.project_apis.data_io import (  # noqa: E402
    NaturalMovieOneCache,
)


class Local(NaturalMovieOneCache):
    """Without the download."""

    def __init__(self, path):
        self.path = path

    def get_raw_movie(self):
        return np.load(self.path)


if __name__ == "__main__":
    movie, target = sys.argv[1:3]
    frame = Local(movie).get_processed_template_movie(n_workers=2)
    saved = {f"{column}/{at}": values for column in frame for at, values in enumerate(frame[column])}
    np.savez(
        target, columns=list(frame.columns), index=frame.index.to_numpy(), names=[frame.index.name, frame.name], **saved
    )
