"""Hold the count of training steps to torch's own counter over real backwards, on many networks at their smallest."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

from small_networks import networks

from analyzer.formulas.training_costs import training_work
from analyzer.loading.loaded_model import LoadedModel
from analyzer.tracing import trace
from analyzer.tracing.real_forward import real_forward
from analyzer.tracing.training_step import NoTrainingStep, follow_step

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from training_oracle import step_flops

TORCHVISION = (
    "alexnet convnext_tiny densenet121 efficientnet_b0 efficientnet_v2_s mnasnet0_5 mobilenet_v2 mobilenet_v3_small "
    "regnet_x_400mf regnet_y_400mf resnet18 resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_1 swin_t swin_v2_t vgg11_bn "
    "wide_resnet50_2 fcn_resnet50 lraspp_mobilenet_v3_large r2plus1d_18"
)
TIMM = (
    "test_vit test_resnet test_convnext test_efficientnet test_nfnet test_byobnet test_mambaout test_coatnet "
    "test_vit_relpos coat_lite_tiny convit_tiny crossvit_tiny_240 edgenext_xx_small ghostnet_050 lcnet_035 levit_128s "
    "mixer_s16_224 mobilevit_xxs poolformer_s12 pvt_v2_b0 repvgg_a0 selecsls42"
)
TRANSFORMERS = (
    "bert roberta albert distilbert deberta-v2 mpnet gpt2 gpt_neo opt bloom llama qwen2 gemma2 phi3 mixtral t5 bart "
    "vit beit dinov2 swin segformer clip wav2vec2 whisper mamba"
)
SIZES = {"r2plus1d_18": 56}
NETWORKS = {"torchvision": TORCHVISION, "timm": TIMM, "transformers": TRANSFORMERS}


def main() -> None:
    """Print a row for each network; exit 1 where a step is counted otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these, such as torchvision:resnet18")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts = {"equal": 0, "different": 0, "not followed": 0}
    with tempfile.TemporaryDirectory() as folder:
        for name, loaded in networks(Path(folder), NETWORKS, options.names, batch=2, sizes=SIZES):
            counts[_printed(name, loaded)] += 1
    print(", ".join(f"{number} {what}" for what, number in counts.items()))
    raise SystemExit(counts["different"])


def _printed(name: str, loaded: LoadedModel) -> str:
    begun = time.process_time()
    traced = trace(loaded)
    try:
        found = training_work(follow_step(loaded, "sgd", traced.mode, traced.candidate).step)
    except NoTrainingStep as error:
        print(f"| {name} | not followed: {error} |", flush=True)
        return "not followed"
    seconds = time.process_time() - begun
    with real_forward(loaded, traced.candidate) as (module, (args, kwargs)):
        theirs = step_flops(module, args, kwargs)
        module.zero_grad()
        as_it_is = step_flops(module, args, kwargs, corrected=False)
    assert sum(cause.flops for cause in found.causes) == found.flops - found.rule
    what = "equal" if found.flops == theirs else "different"
    remark = f"{what}, {as_it_is:,} uncorrected" if as_it_is != theirs else what
    total = found.total
    parts = f"{total.forward:,} | {total.input_gradient:,} | {total.weight_gradient:,} | {total.recomputed:,}"
    print(f"| {name} | {parts} | {found.flops:,} | {theirs:,} | {remark} | {seconds:.1f} |", flush=True)
    for gap in found.uncounted:
        print(f"  {name}: {gap.operator} not counted, {gap.calls} calls", flush=True)
    return what


if __name__ == "__main__":
    main()
