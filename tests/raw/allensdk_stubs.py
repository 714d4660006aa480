"""Replacements for AllenSDK's requests to its institute's network. Imported by AllenSDK's own Python only."""

import io
import pathlib

from allensdk.brain_observatory.behavior import stimulus_processing
from allensdk.brain_observatory.behavior.data_objects.metadata.subject_metadata import subject_metadata
from allensdk.brain_observatory.behavior.data_objects.stimuli import presentations, templates


def replace_requests(data):
    """Answer requests for the date of death, the earlier sessions and the images of a mouse from session_data."""
    stimulus_processing.open = lambda path, mode: io.BytesIO(pathlib.Path(data["image_set_file"]).read_bytes())
    subject_metadata.db_connection_creator = lambda **credentials: None
    subject_metadata.SubjectMetadata._get_death_date_from_lims = classmethod(lambda cls, **mouse: None)
    presentations.Presentations._get_is_image_novel = classmethod(
        lambda cls, image_names, behavior_session_id: {
            name: name not in data["prior_images_shown"]
            for name in image_names
            if isinstance(name, str) and name != "omitted"
        }
    )
    if "grating_images_dir" in data:
        gratings, imread = pathlib.Path(data["grating_images_dir"]), templates.imageio.imread
        templates.imageio.imread = lambda path: imread(gratings / pathlib.PurePosixPath(path).name)
    else:
        templates.Templates.from_stimulus_file = classmethod(lambda cls, **_: None)
