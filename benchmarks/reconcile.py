"""Hold the predictions of what other counters print to what these do print, on many networks at their smallest."""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from small_networks import networks

from analyzer.formulas.count import Count
from analyzer.loading.loaded_model import LoadedModel
from analyzer.reconciliation import reconcile
from analyzer.tracing import trace
from analyzer.tracing.real_forward import real_forward
from analyzer.values.results import SecondOpinion

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from peer_counters import ask

TORCHVISION = (
    "alexnet convnext_tiny densenet121 efficientnet_b0 googlenet mnasnet0_5 mobilenet_v2 mobilenet_v3_small "
    "regnet_y_400mf resnet18 resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_1 swin_t swin_v2_t vgg11_bn fcn_resnet50 "
    "deeplabv3_mobilenet_v3_large lraspp_mobilenet_v3_large r2plus1d_18"
)
TIMM = (
    "test_vit test_resnet test_convnext test_efficientnet test_nfnet test_byobnet ghostnet_050 lcnet_035 mixer_s16_224 "
    "mobilevit_xxs poolformer_s12 pvt_v2_b0"
)
TRANSFORMERS = "bert distilbert gpt2 llama t5 vit segformer clip"
NETWORKS = {"torchvision": TORCHVISION, "timm": TIMM, "transformers": TRANSFORMERS}


def main() -> None:
    """Print a row for each network and one for each counter; exit 1 where a prediction is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these, such as torchvision:resnet18")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    found: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for name, loaded in networks(Path(folder), NETWORKS, options.names, batch=1, sizes={}):
            loaded.module.eval()
            for counter, verdict, remark in verdicts(loaded):
                found[counter, verdict] += 1
                if verdict != "equal":
                    print(f"{name}: {counter}: {verdict}: {remark}", flush=True)
            print(f"{name} done", flush=True)
    titles = ("equal", "cannot be predicted", "different", "not installed")
    print("| counter | " + " | ".join(titles) + " |")
    for counter in sorted({counter for counter, _ in found}):
        print(f"| {counter} | " + " | ".join(str(found[counter, title]) for title in titles) + " |")
    raise SystemExit(any(found[key] for key in found if key[1] == "different"))


def verdicts(loaded: LoadedModel) -> Iterator[tuple[str, str, str]]:
    """Each predicted counter with whether it prints that."""
    traced = trace(loaded)
    count = Count(traced)
    for opinion in reconcile(loaded, traced, count.costs):
        if opinion.predicted:
            if opinion.macs is not None:
                apart = sum(item.theirs - item.ours for item in opinion.differences)
                assert opinion.macs - (count.total.macs or 0) == apart
            yield (opinion.counter, *_verdict(opinion, loaded, traced.candidate))


def _verdict(opinion: SecondOpinion, loaded: LoadedModel, candidate: int) -> tuple[str, str]:
    """What fails in the counter should not be predicted, and nothing else."""
    name, _, *engine = opinion.counter.lower().split()
    with real_forward(loaded, candidate) as (module, (args, kwargs)):
        try:
            printed: int | str = ask(" ".join((name, *engine)), copy.deepcopy(module), *args, **kwargs)
        except ImportError as error:
            return "not installed", str(error)
        except Exception as error:
            printed = f"it fails ({str(error)[:80]})"
    if opinion.macs is None:
        return "cannot be predicted", f"{opinion.reason}; in fact {printed}"
    return ("equal", "") if printed == opinion.macs else ("different", f"{opinion.macs:,} predicted, {printed}")


if __name__ == "__main__":
    main()
