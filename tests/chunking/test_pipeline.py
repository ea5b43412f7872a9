import pyromark
import yaml

from gbrain.chunking.pipeline import PIPELINE, RULES


def test_the_pipeline_names_our_rules_and_both_parsers() -> None:
    assert f"gbrain {RULES}, pyromark {pyromark.__version__}, pyyaml {yaml.__version__}" == PIPELINE
