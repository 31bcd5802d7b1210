from analyzer.formats.wording.rule_words import words
from analyzer.rules.heavy_head import observe
from analyzer.values.facts import LinearFacts

VGG = 138_357_544
SIZES = {"classifier.0": (25088, 4096), "classifier.3": (4096, 4096), "classifier.6": (4096, 1000)}
MACS = 15_470_264_320


def linear(path, ins, outs, params=VGG, macs=MACS):
    own = (ins + 1) * outs
    return LinearFacts(path, ins, outs, own, ins * outs, own / params, ins * outs / macs)


def test_half_of_the_parameters_is_left_alone(layer, model):
    head = LinearFacts("fc", 512, 1000, 513_000, 512_000, 0.5, 0.001)
    assert list(observe(model(layer(), params=1_026_000, macs=1, linears=(head,)))) == []


def test_a_model_without_convolutions_is_left_alone(model):
    assert list(observe(model(params=VGG, macs=1, linears=(linear("fc", 25088, 4096),)))) == []


def test_vgg16(layer, model):
    """The head holds 123,642,856 of 138,357,544 parameters, 89.4 %, and 0.8 % of the work."""
    linears = tuple(linear(path, *sizes) for path, sizes in SIZES.items())
    (finding,) = observe(model(layer(), params=VGG, macs=MACS, linears=linears))
    assert finding.path == "classifier.0"
    assert words(finding.current) == (
        "nn.Linear(25088, 4096) holds 102,764,544 of 138,357,544 parameters (74.3 %) and does 0.7 % of the MACs"
    )
    assert tuple(map(words, finding.notes)) == (
        "all linear layers together: 89.4 % of the parameters, 0.8 % of the MACs",
    )


def test_a_single_linear_layer_is_not_summed(layer, model):
    (finding,) = observe(model(layer(), params=VGG, macs=MACS, linears=(linear("fc", 25088, 4096),)))
    assert finding.notes == ()
